"""Stories of alerts, told once and run against every alert book."""

from __future__ import annotations

from tests.alerts_stories.answers import Answers
from tests.alerts_stories.backlog import Backlog
from tests.alerts_stories.channel_failures import ChannelFailures
from tests.alerts_stories.conditions import Conditioned
from tests.alerts_stories.desk_work import DeskWork
from tests.alerts_stories.episodes import Episodes
from tests.alerts_stories.growth import Growth
from tests.alerts_stories.ladder import Ladder
from tests.alerts_stories.lessons import Lessons
from tests.alerts_stories.life import Life
from tests.alerts_stories.precedence import Precedence
from tests.alerts_stories.rechecks import Rechecks
from tests.alerts_stories.storms import Storms
from tests.alerts_stories.task_work import TaskWork
from tests.alerts_stories.throttled import Throttled
from tests.alerts_stories.troubles import Troubles
from tests.alerts_stories.visit_cap import VisitCap


class Stories(
    Ladder,
    Answers,
    DeskWork,
    TaskWork,
    Episodes,
    Growth,
    VisitCap,
    Lessons,
    Life,
    Rechecks,
    Storms,
    Precedence,
    Backlog,
    ChannelFailures,
    Conditioned,
    Troubles,
    Throttled,
):
    """All stories. Subclasses give the fixture `world`, a `tests.alerts_world.World`."""
