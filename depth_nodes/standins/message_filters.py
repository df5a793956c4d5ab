"""message_filters: the real package where it can be imported, else our stand-in."""

from importlib.util import find_spec

PASSED_OVER: str | None = None
_usable = find_spec('message_filters') is not None

if _usable:
    try:
        from message_filters import (
            ApproximateTimeSynchronizer,
            SimpleFilter,
            Subscriber,
            TimeSynchronizer,
        )
    except ImportError as error:
        _usable = False
        PASSED_OVER = (
            f'the installed message_filters cannot be imported ({error}); a stand-in synchronizes '
            f'instead. To use the real one, reinstall ros-<distro>-message-filters')

if not _usable:
    from depth_nodes.standins.our_message_filters import (
        ApproximateTimeSynchronizer,
        SimpleFilter,
        Subscriber,
        TimeSynchronizer,
    )

__all__ = [
    'PASSED_OVER', 'ApproximateTimeSynchronizer', 'SimpleFilter', 'Subscriber', 'TimeSynchronizer']
