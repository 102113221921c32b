"""The pages of the tests' site: none."""

urlpatterns: list[object] = []
