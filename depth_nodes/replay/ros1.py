"""Messages of ROS 1 as CDR of the ROS 2 type of the same name."""

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore

from depth_nodes.replay.recorded import Say


class Ros1Types:
    """Converts messages of one bag; what it cannot convert is passed on as it is, and said."""

    def __init__(self, name: str, say: Say) -> None:
        """name: of the file, for sentences."""
        self._name, self._say = name, say
        self._store = get_typestore(Stores.ROS2_HUMBLE)  # the types that we use are the same since then

    def define(self, type_name: str, definition: str) -> None:
        """The bag's own definition of a type: used where ROS 2 has none of that name."""
        if type_name in self._store.fielddefs:
            return
        try:
            types = get_types_from_msg(definition, type_name)
            self._store.register({name: fields for name, fields in types.items()
                                  if name not in self._store.fielddefs})
        except Exception as error:  # whatever a foreign definition makes the parser raise
            self._say(f'{self._name}: the definition of {type_name} cannot be read ({error}); its '
                      'messages are passed on as ROS 1 bytes')

    def cdr(self, type_name: str, data: bytes) -> bytes:
        """The message as CDR."""
        try:
            return bytes(self._store.ros1_to_cdr(data, type_name))
        except (SerdeError, TypesysError, KeyError, AssertionError, IndexError) as error:
            self._say(f'{self._name}: messages of {type_name} do not fit its ROS 2 definition '
                      f'({error}); they are passed on as ROS 1 bytes')
            return bytes(data)


def ros2_name(type_name: str) -> str:
    """'sensor_msgs/msg/Image' of 'sensor_msgs/Image'."""
    package, _, name = type_name.partition('/')
    return type_name if '/' in name or not name else f'{package}/msg/{name}'
