"""Listens to a Sparkplug edge node as a host application does, commands a rebirth, and kills the node.

The host is `MqttSpbEntityScada` of the package `mqtt-spb-wrapper`. Every message is decoded twice: by the Python
classes that protoc makes of the specification's schema, and by the npm package `sparkplug-payload`. Both must agree,
numbers must have no gap, data must use aliases of the last birth, and the death must carry the count of the birth.

    check.py PORT PID GROUP NODE
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from mqtt_spb_wrapper import MqttSpbEntityScada
from mqtt_spb_wrapper.spb_protobuf.sparkplug_b_pb2 import Payload

PATIENCE = 60
TYPES = {4: "Int64", 10: "Double", 11: "Boolean", 12: "String"}
FIELDS = {4: "long_value", 10: "double_value", 11: "boolean_value", 12: "string_value"}


class Host(MqttSpbEntityScada):
    """The package knows metrics by their name only; data has aliases, which the births explain."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.names = {}

    def _mqtt_on_message(self, client, userdata, msg):
        kind = msg.topic.split("/")[2]
        if kind in ("NBIRTH", "DBIRTH", "NDATA", "DDATA"):
            payload = Payload.FromString(msg.payload)
            for metric in payload.metrics:
                if kind.endswith("BIRTH"):
                    self.names[metric.alias] = metric.name
                metric.name = metric.name or self.names.get(metric.alias, "")
            msg.payload = payload.SerializeToString()
        super()._mqtt_on_message(client, userdata, msg)


def until(what, condition):
    end = time.time() + PATIENCE
    while not condition():
        if time.time() > end:
            sys.exit(f"sparkplug-check: never: {what}")
        time.sleep(0.2)


def decoded(raw):
    payload = Payload.FromString(raw)
    metrics = []
    for metric in payload.metrics:
        value = None if metric.is_null else getattr(metric, FIELDS[metric.datatype])
        if isinstance(value, int) and value >= 1 << 63 and metric.datatype == 4:
            value -= 1 << 64
        quality = dict(zip(metric.properties.keys, (v.int_value for v in metric.properties.values)))
        metrics.append({
            "name": metric.name or None,
            "alias": str(metric.alias) if metric.HasField("alias") else None,
            "type": TYPES[metric.datatype],
            "value": value,
            "historical": metric.is_historical,
            "quality": quality.get("Quality"),
        })
    return {"seq": str(payload.seq) if payload.HasField("seq") else None, "metrics": metrics}


def agree(ours, theirs):
    if ours is None or theirs is None:
        return ours is theirs
    if isinstance(ours, bool):
        return theirs == str(ours).lower()
    if isinstance(ours, (int, float)):
        return float(ours) == float(theirs)
    return ours == theirs


def check(messages, group, node):
    lines = "\n".join(raw.hex() for _, raw in messages) + "\n"
    script = Path(__file__).with_name("decode.js")
    out = subprocess.run(["node", script], input=lines, capture_output=True, text=True, check=True).stdout
    others = [json.loads(line) for line in out.splitlines()]
    assert len(others) == len(messages), f"{len(others)} of {len(messages)} were decoded"
    seq, aliases, births, historical = None, {}, [], 0
    for (topic, raw), other in zip(messages, others):
        kind, said = topic.split("/")[2], decoded(raw)
        for mine, theirs in zip(said["metrics"], other["metrics"], strict=True):
            for key, value in mine.items():
                same = agree(value, theirs[key]) if key == "value" else value == theirs[key]
                assert same, f"{topic}: {key}: {mine} {theirs}"
        if kind in ("NDEATH", "NCMD"):
            continue
        assert said["seq"] == other["seq"], topic
        seq = 0 if kind == "NBIRTH" else (seq + 1) % 256
        assert int(said["seq"]) == seq, f"{topic}: {said['seq']} instead of {seq}"
        device = topic.split("/")[4:]
        if kind == "NBIRTH":
            births.append(next(m["value"] for m in said["metrics"] if m["name"] == "bdSeq"))
            aliases = {}
        if kind in ("NBIRTH", "DBIRTH"):
            for metric in said["metrics"]:
                assert metric["name"], topic
                owner = aliases.setdefault(metric["alias"], (device, metric["name"]))
                assert metric["alias"] is None or owner == (device, metric["name"]), f"{topic}: {metric}"
        if kind in ("NDATA", "DDATA"):
            for metric in said["metrics"]:
                assert metric["name"] is None and aliases[metric["alias"]][0] == device, f"{topic}: {metric}"
                historical += metric["historical"]
    death = decoded(messages[-1][1])
    assert messages[-1][0] == f"spBv1.0/{group}/NDEATH/{node}", messages[-1][0]
    assert death["metrics"][0]["value"] == births[-1], f"{death} after {births}"
    return len(births)


def main(port, pid, group, node):
    messages = []
    client = mqtt.Client("sparkplug-check")
    client.on_message = lambda client, userdata, message: messages.append((message.topic, message.payload))
    client.connect("127.0.0.1", port)
    client.subscribe(f"spBv1.0/{group}/#", 1)
    client.loop_start()
    count = lambda kind: sum(topic.split("/")[2] == kind for topic, _ in messages)

    born, data = [], []
    host = Host(group, "sparkplug-check-host",
                              callback_birth=lambda topic, payload: born.append(topic),
                              callback_data=lambda topic, payload: data.append(topic))
    host.connect(host="127.0.0.1", port=port)
    # What was said before the host came is not repeated, so it asks for all.
    until("the host is connected", host.is_connected)
    before = count("NBIRTH")
    host.send_command("Node Control/Rebirth", True, node)
    until("a rebirth", lambda: count("NBIRTH") > before and count("DBIRTH") > 0)
    until("data of the node and of devices", lambda: count("NDATA") > 3 and count("DDATA") > 3)
    os.kill(pid, signal.SIGKILL)
    until("a death", lambda: count("NDEATH") == 1)
    time.sleep(1)

    first = next(n for n, (topic, _) in enumerate(messages) if topic.split("/")[2] == "NBIRTH")
    ours = [(topic, raw) for topic, raw in messages[first:] if node in topic.split("/")[3:4]]
    births = check(ours, group, node)
    edge = host.entities_eon[node]
    devices = sorted(edge.entities_eond)
    assert born and data, "the host application saw no birth or no data"
    named = set(edge.data.get_names()) | set(edge.attributes.get_names())
    assert devices and {"summary/power_kw", "split/total_margin_usd_per_h"} <= named, f"{devices}: {named}"
    assert not edge.is_alive(), "the host application takes the node for alive"
    print(f"Sparkplug: {len(ours)} messages, {births} births of the node, {len(devices)} devices, "
          f"{len(named)} metrics of the node; two decoders agree, and the host saw it all")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
