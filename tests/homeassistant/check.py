"""Holds what wattsplit tells Home Assistant against Home Assistant's own validation.

Listens on a broker for some seconds, then puts every device config through the discovery schema, every
entity through the schema of MQTT sensors and the tables of units and state classes, and renders every
template with Home Assistant's own environment: with the payload that was published, and with an empty one.

    check.py PORT SECONDS
"""

import asyncio
import json
import logging
import sys
import tempfile
import time
from unittest.mock import MagicMock

# The cloud of Home Assistant, which its components import and no schema asks.
for part in ("", ".account_link", ".acme", ".alexa_api", ".auth", ".cloud_api", ".const", ".files",
             ".google_report", ".ice_servers", ".iot_base", ".remote", ".voice", ".voice_data"):
    sys.modules[f"hass_nabucasa{part}"] = MagicMock()

import paho.mqtt.client as mqtt
import voluptuous as vol
from homeassistant.components.mqtt import sensor
from homeassistant.components.mqtt.discovery import TOPIC_MATCHER
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA, SHARED_OPTIONS
from homeassistant.components.sensor.const import (
    DEVICE_CLASS_STATE_CLASSES,
    DEVICE_CLASS_UNITS,
    SensorDeviceClass,
)
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame
from homeassistant.helpers.template import TemplateEnvironment

PREFIX = "homeassistant/"
MOST_ENTITIES = 499
LONGEST_STATE = 255

wrong = []


class Warnings(logging.Handler):
    """What Home Assistant would write into its log is wrong too."""

    def emit(self, record):
        wrong.append(f"log: {record.getMessage()}")


def heard(port, seconds):
    newest = {}

    def note(client, userdata, message):
        newest[message.topic] = message.payload.decode()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *rest: client.subscribe("#", 1)
    client.on_message = note
    client.connect("127.0.0.1", port)
    client.loop_start()
    time.sleep(seconds)
    client.loop_stop()
    return newest


def rendered(environment, template, payload):
    return environment.from_string(template).render(value_json=payload, value=json.dumps(payload))


def check_values(environment, where, config, payload):
    kind = config.get("device_class"), config.get("state_class")
    for name, told in (("published", payload), ("empty", {})):
        state = rendered(environment, config["value_template"], told)
        numeric = config.get("unit_of_measurement") or kind[1]
        if len(state) > LONGEST_STATE:
            wrong.append(f"{where}: {name}: the state has {len(state)} characters")
        if numeric and state != "None":
            float(state)
        if name == "empty" and state not in ("None", ""):
            wrong.append(f"{where}: an empty payload gives {state!r}")
        if state not in ("None", "") and config.get("options") and state not in config["options"]:
            wrong.append(f"{where}: {state!r} is none of {config['options']}")
        if "json_attributes_template" in config:
            attributes = json.loads(rendered(environment, config["json_attributes_template"], told))
            if not isinstance(attributes, dict):
                wrong.append(f"{where}: attributes {attributes!r}")


def check_class(where, config):
    kind, state_class = config.get("device_class"), config.get("state_class")
    unit = config.get("unit_of_measurement")
    if kind is None:
        return
    kind = SensorDeviceClass(kind)
    if kind in DEVICE_CLASS_UNITS and unit not in DEVICE_CLASS_UNITS[kind]:
        wrong.append(f"{where}: the unit {unit!r} does not go with {kind}")
    if state_class is not None and state_class not in DEVICE_CLASS_STATE_CLASSES.get(kind, set()):
        wrong.append(f"{where}: the state class {state_class!r} does not go with {kind}")
    if kind == SensorDeviceClass.MONETARY and not (unit and len(unit) == 3 and unit.isupper()):
        wrong.append(f"{where}: {unit!r} is no ISO 4217 currency")


async def check(newest):
    # A Home Assistant that was never started: the schemas ask who calls them.
    hass = HomeAssistant(tempfile.gettempdir())
    frame.async_setup(hass)
    environment = TemplateEnvironment(hass, strict=True)
    ids, devices, vias = set(), set(), set()
    for topic, text in sorted(newest.items()):
        if not topic.startswith(PREFIX) or not topic.endswith("/config") or not text:
            continue
        match = TOPIC_MATCHER.match(topic.removeprefix(PREFIX))
        if not match or match.group("component") != "device":
            wrong.append(f"{topic}: no topic of a device")
            continue
        device = json.loads(text)
        try:
            DEVICE_DISCOVERY_SCHEMA(device)
        except vol.Invalid as error:
            wrong.append(f"{topic}: {error}")
            continue
        devices.update(device["device"]["identifiers"])
        vias.update(filter(None, [device["device"].get("via_device")]))
        if newest.get(device["availability_topic"]) not in ("online", "offline"):
            wrong.append(f"{topic}: nothing at {device['availability_topic']}")
        for key, config in device["components"].items():
            where = f"{topic}: {key}"
            if config.pop("platform") != "sensor":
                wrong.append(f"{where}: not a sensor")
            merged = {option: device[option] for option in SHARED_OPTIONS if option in device}
            merged |= config | {"device": device["device"], "origin": device["origin"]}
            try:
                sensor.PLATFORM_SCHEMA_MODERN(merged)
                sensor.DISCOVERY_SCHEMA(merged)
            except vol.Invalid as error:
                wrong.append(f"{where}: {error}")
                continue
            check_class(where, config)
            try:
                check_values(environment, where, config, json.loads(newest[config["state_topic"]]))
            except Exception as error:  # noqa: BLE001 - whatever it is, it would be in the log
                wrong.append(f"{where}: {type(error).__name__}: {error}")
            if config["unique_id"] in ids:
                wrong.append(f"{where}: {config['unique_id']} is taken")
            ids.add(config["unique_id"])
    if not devices or not ids:
        wrong.append("no device was told of")
    if vias - devices:
        wrong.append(f"via_device names {vias - devices}, which is no device")
    if len(ids) > MOST_ENTITIES:
        wrong.append(f"{len(ids)} entities")
    for line in wrong:
        print(f"homeassistant-check: {line}", file=sys.stderr)
    print(f"Home Assistant {__version__}: {len(devices)} devices, {len(ids)} entities, {len(wrong)} complaints")
    return bool(wrong)


if __name__ == "__main__":
    logging.getLogger("homeassistant").addHandler(Warnings(logging.WARNING))
    sys.exit(asyncio.run(check(heard(int(sys.argv[1]), float(sys.argv[2])))))
