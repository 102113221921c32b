"""What the live tests' site has more here: hooks that hang and fail, and a page that tells what is in the process."""
