"""Fans of a team have no account group: the names of their rooms are written into the session."""


def follow(request, *rooms):
    member_of = request.session.get('ws4redis:memberof', [])
    request.session['ws4redis:memberof'] = sorted(set(member_of).union(str(room) for room in rooms))
