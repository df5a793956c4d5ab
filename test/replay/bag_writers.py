"""Bags of every format for the tests, written by `rosbags` and by SQLite, and read back."""

import array
import sqlite3
from collections.abc import Collection
from pathlib import Path

import numpy as np
from rclpy.serialization import serialize_message
from rosbags import rosbag1, rosbag2
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CameraInfo, Image

from depth_nodes.replay import bags

STORE = get_typestore(Stores.ROS2_HUMBLE)
STORE_1 = get_typestore(Stores.ROS1_NOETIC)
START = 1_700_000_000_000_000_000
KINDS = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
Written = list[tuple[str, int, str, bytes]]  # topic, time, type, CDR


def image(number: int, size: int) -> Image:
    pixels = np.random.default_rng(number).integers(0, 256, size, np.uint8)
    # half of it compresses
    pixels[::2] = number % 256
    message = Image(height=1, width=size, step=size, encoding='mono8',
                    data=array.array('B', pixels.tobytes()))
    message.header.stamp.sec, message.header.frame_id = number, 'left'
    return message


def frames(count: int, *, size: int = 20_000) -> Written:
    """Images on /image and calibrations on /info, of one time each."""
    written: Written = []
    for number in range(count):
        time_ns = START + number * 50_000_000
        written.append(('/image', time_ns, 'sensor_msgs/msg/Image', serialize_message(image(number, size))))
        written.append(('/info', time_ns + 1, 'sensor_msgs/msg/CameraInfo',
                        serialize_message(CameraInfo(width=number + 1, height=2, d=[0.5]))))
    return written


def write_bag(path: Path, kind: str, written: Written, *, mode: CompressionMode = CompressionMode.NONE,
              version: int = 9, empty: tuple[str, ...] = ()) -> Path:
    """A rosbag2 folder; the path of its one file. empty: topics of images that never came."""
    writer = rosbag2.Writer(path, version=version, storage_plugin=KINDS[kind])
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {topic: writer.add_connection(topic, type_name, typestore=STORE)
                       for topic, type_name in {w[0]: w[2] for w in written}.items()}
        for topic in empty:
            writer.add_connection(topic, 'sensor_msgs/msg/Image', typestore=STORE)
        for topic, time_ns, _, data in written:
            writer.write(connections[topic], time_ns, data)
    file, = (file for file in path.iterdir() if file.name != 'metadata.yaml')
    return file


def write_humble(path: Path, written: Written, *, journal_mode: str = 'DELETE') -> sqlite3.Connection:
    """A .db3 file with the tables of Humble; the open connection."""
    connection = sqlite3.connect(path)
    connection.execute(f'PRAGMA journal_mode = {journal_mode}').fetchall()
    connection.executescript("""
        CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
        CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL,
            metadata TEXT NOT NULL);
        CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
            serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL);
        CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,
            data BLOB NOT NULL);
        CREATE INDEX timestamp_idx ON messages (timestamp ASC);
        INSERT INTO schema VALUES (3, 'humble');""")
    numbers: dict[str, int] = {}
    for topic, time_ns, type_name, data in written:
        if topic not in numbers:
            numbers[topic] = connection.execute(
                'INSERT INTO topics(name, type, serialization_format, offered_qos_profiles) '
                "VALUES (?, ?, 'cdr', '- history: 3')", (topic, type_name)).lastrowid
        connection.execute('INSERT INTO messages(timestamp, topic_id, data) VALUES (?, ?, ?)',
                           (time_ns, numbers[topic], data))
    connection.commit()
    return connection


def write_ros1(path: Path, written: Written, *, compression: str = '') -> None:
    """A ROS 1 bag of the same messages."""
    writer = rosbag1.Writer(path)
    if compression:
        writer.set_compression(writer.CompressionFormat[compression.upper()])
    with writer:
        connections = {topic: writer.add_connection(topic, type_name, typestore=STORE_1)
                       for topic, type_name in {w[0]: w[2] for w in written}.items()}
        for topic, time_ns, type_name, data in written:
            writer.write(connections[topic], time_ns, STORE.cdr_to_ros1(data, type_name))


def contents(path: Path, topics: Collection[str] | None = None) -> tuple[Written, list[str]]:
    """What a bag holds, and its complaints."""
    with bags.Bag(path) as bag:
        return [(m.topic, m.time_ns, m.type_name, m.data) for m in bag.messages(topics)], bag.lost


def cut(file: Path, share: float, target: Path) -> Path:
    """The first part of a file, as a copy that was broken off leaves it."""
    whole = file.read_bytes()
    target.write_bytes(whole[:int(len(whole) * share)])
    return target
