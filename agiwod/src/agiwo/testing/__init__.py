"""Fakes that anybody may use who tests an agent, and the recorder of real answers. Needs no test framework."""

from agiwo.llm.scripted import ScriptedModel
from agiwo.testing.clock import FrozenClock
from agiwo.testing.recorder import Recorder
from agiwo.testing.recording_tool import RecordingTool
from agiwo.testing.replay import Replay, ReplayMiss

__all__ = ["FrozenClock", "Recorder", "RecordingTool", "Replay", "ReplayMiss", "ScriptedModel"]
