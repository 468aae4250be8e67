"""docs/events/released.json: what consumers of released events rely on, and what a change may not do to it.

What a released version has stays as it is; it may get optional members. So consumers go on reading it, and
what was published before can still be replayed. Any other change is a new version.
"""

from __future__ import annotations

from typing import Any

from docs.events import EventType, Member

# As in the file: type, version, member, and what is promised of it.
Promises = dict[str, dict[str, dict[str, dict[str, Any]]]]


def _promised(member: Member) -> dict[str, Any]:
    return {
        "json_types": sorted(member.json_types),
        "format": member.format,
        "allowed": member.allowed and sorted(member.allowed),
        "is_required": member.is_required,
    }


def promises(events: list[EventType]) -> Promises:
    """What the registry promises now."""
    made: Promises = {}
    for event in events:
        if event.is_released:
            made.setdefault(event.event_type, {})[str(event.version)] = {
                member.member: _promised(member) for member in event.members
            }
    return made


def broken(before: Promises, now: Promises) -> list[str]:
    """What a registry that promises `now` would break of what was promised before: a sentence each."""
    found = []
    for event_type, versions in before.items():
        for version, members in versions.items():
            name = f"{event_type}, version {version}"
            kept = now.get(event_type, {}).get(version)
            if kept is None:
                found.append(f"{name}: is gone, or not released any more")
                continue
            found += [f"{name}: {fault}" for fault in _broken_members(members, kept)]
    return found


def _broken_members(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> list[str]:
    found = []
    for member, promise in before.items():
        if member not in now:
            found.append(f"{member} is gone")
        else:
            found += [
                f"{member}: {name} was {was}, is {now[member][name]}"
                for name, was in promise.items()
                if now[member][name] != was
            ]
    return found + [
        f"{member} is new and required: what was published before lacks it"
        for member in sorted(now.keys() - before.keys())
        if now[member]["is_required"]
    ]
