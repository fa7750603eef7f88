"""What DVC's files say. The texts are those that DVC 2.58.2 and DVC 3.67.1 wrote."""

from __future__ import annotations

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.data.dvc import layout

DVC_3 = """\
outs:
- md5: 90d9fe10b4a0cddaefbe4549457984d9.dir
  size: 2
  nfiles: 2
  hash: md5
  path: folder
"""
DVC_2 = """\
outs:
- md5: 1b5bb282b8f8792875e3c4203cfa9c57
  size: 6
  path: dos.txt
"""
LOCK = """\
schema: '2.0'
stages:
  count:
    cmd: wc -l data/one.csv > out.txt && echo "{}" > m.json
    deps:
    - path: data/one.csv
      hash: md5
      md5: f03a4d7006f34bd2b9b43b415a949408
      size: 13
    params:
      params.yaml:
        p.x: 1.5
    outs:
    - path: m.json
      hash: md5
      md5: 8a80554c91d9fca8acb82f023de02f11
      size: 3
    - path: out.txt
      hash: md5
      md5: 3562af7b20cadf08a597dd61992f55ea
      size: 15
"""


def stated(text: str, declared_in: str) -> list[tuple[str, str, bool]]:
    found, skipped = layout.outputs(text, declared_in)
    assert not skipped
    return [(output.path, output.md5, output.is_old) for output in found]


def test_a_path_starts_at_the_file_that_states_it() -> None:
    assert stated(DVC_3, "data/folder.dvc") == [
        ("data/folder", "90d9fe10b4a0cddaefbe4549457984d9.dir", False)
    ]


def test_an_output_without_a_hash_name_is_of_dvc_2() -> None:
    assert stated(DVC_2, "data/dos.txt.dvc") == [
        ("data/dos.txt", "1b5bb282b8f8792875e3c4203cfa9c57", True)
    ]


def test_a_lock_states_what_its_stages_made_and_not_what_they_took() -> None:
    assert [path for path, _, _ in stated(LOCK, "dvc.lock")] == ["m.json", "out.txt"]


def test_a_lock_of_the_oldest_form_has_its_stages_at_the_top() -> None:
    old = "count:\n  cmd: x\n  outs:\n  - path: o\n    md5: 3562af7b20cadf08a597dd61992f55ea\n"
    assert [path for path, _, _ in stated(old, "sub/dvc.lock")] == ["sub/o"]


@pytest.mark.parametrize("text", ["", "stages: {}\nschema: '2.0'\n", "deps: []\n"])
def test_nothing_stated_is_nothing(text: str) -> None:
    assert stated(text, "dvc.lock") == []


def test_a_working_folder_moves_the_paths() -> None:
    moved = "wdir: ../raw\n" + DVC_2
    assert stated(moved, "data/dos.txt.dvc")[0][0] == "raw/dos.txt"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("path: s3://bucket/x\n  md5: 3562af7b20cadf08a597dd61992f55ea", "outside"),
        ("path: /etc/passwd\n  md5: 3562af7b20cadf08a597dd61992f55ea", "outside"),
        ("path: ../../x\n  md5: 3562af7b20cadf08a597dd61992f55ea", "outside"),
        ("path: x\n  etag: abc", "by etag"),
        ("path: x\n  files: []", "by files"),
        ("path: x", "no MD5 yet"),
        ("path: x\n  md5: ../../../etc/passwd", "no MD5 yet"),
    ],
)
def test_what_cannot_be_taken_is_said(entry: str, why: str) -> None:
    found, skipped = layout.outputs(f"outs:\n- {entry}\n", "data/x.dvc")
    assert not found
    assert why in skipped[0].why


@pytest.mark.parametrize(
    "text",
    ["outs: [", "- a\n- b\n", "outs:\n- md5: a\n", "outs:\n- just words\n", "<<<<<<< HEAD\n"],
)
def test_what_dvc_does_not_write_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        layout.outputs(text, "x.dvc")
    assert caught.value.code == "dvc-malformed"


def test_a_folder_is_a_list_of_files() -> None:
    raw = (
        b'[{"md5": "92eb5ffee6ae2fec3ad71c777531578f", "relpath": "sub/b.txt"}, '
        b'{"md5": "0cc175b9c0f1b6a831c399e269772661", "relpath": "a.txt"}]'
    )
    assert [each.path for each in layout.files_of(raw, "x.dir")] == ["a.txt", "sub/b.txt"]


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'[{"relpath": "a"}]',
        b'[{"md5": "0cc175b9c0f1b6a831c399e269772661", "relpath": "../a"}]',
        b'[{"md5": "0cc175b9c0f1b6a831c399e269772661", "relpath": "/a"}]',
        b'[{"md5": "../../x", "relpath": "a"}]',
    ],
)
def test_a_list_that_leads_out_is_refused(raw: bytes) -> None:
    with pytest.raises(UsageError):
        layout.files_of(raw, "x.dir")


def test_local_settings_win() -> None:
    remote = "['remote \"store\"']\n    url = s3://x\n"
    shared = f"[core]\n    remote = store\n[cache]\n    dir = ../shared\n{remote}"
    assert layout.cache_folder(shared) == "../shared"
    assert layout.cache_folder(shared, "[cache]\n    dir = /fast/cache\n") == "/fast/cache"
    assert layout.cache_folder() == ""
