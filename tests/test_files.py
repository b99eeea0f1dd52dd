"""Files are written whole, and what killed writers left is cleared away."""

import os
import socket
import subprocess
import sys
import time

import pytest

from kdbench.files import whole_file, write_json, write_text


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    write_text(tmp_path / "new folder/a", "whole")
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["a"]


def test_the_same_content_written_again_leaves_the_file_and_its_time(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    os.utime(path, (1000, 1000))
    write_json(path, {"a": 1})
    assert path.stat().st_mtime == 1000
    write_json(path, {"a": 2})
    assert path.stat().st_mtime > 1000


def test_leftovers_of_ended_processes_go_and_those_of_running_ones_and_other_machines_stay(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    here = socket.gethostname()
    try:
        left, kept = f".a.{here}.{ended.pid}.tmp", [f".a.{here}.{running.pid}.tmp", ".a.elsewhere.1.tmp", ".b.tmp"]
        for name in (left, *kept):
            (tmp_path / name).write_text("half")
        write_text(tmp_path / "a", "whole")
    finally:
        running.kill()
        running.wait()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a", *kept])


def test_a_writer_killed_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    code = (
        "import sys, time; from kdbench.files import whole_file\n"
        "with whole_file(sys.argv[1]) as place: place.write_text('new'); time.sleep(60)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.01)
    writer.kill()
    writer.wait()
    assert path.read_text() == "old"
    write_text(path, "newer")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
