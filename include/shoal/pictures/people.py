"""Images that show people are never shown: the one place that says which they are."""

from collections.abc import Collection

from shoal.settings.taxa import HUMAN


def with_people(class_names: Collection[str] = (), views: Collection[str] = ("detections", "below")) -> str:
    """Write the query for the (key, object_version) of images that show people.

    Also a box below the threshold tells: a person at a score of 0.2 is one.

    Args:
        class_names: Classes of role `human` in the dataset file of today: a run may be older than what that says.
        views: What holds every stored box, of whatever taxon: one that was asked for hides nobody.
    """
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(class_names))
    said_today = f" OR class_name IN ({names})" if names else ""
    return " UNION ".join(
        f"SELECT key, object_version FROM {view} WHERE role = '{HUMAN}'{said_today}" for view in views
    )
