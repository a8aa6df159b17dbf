"""Results are kept whole, are never mixed, and two audits never write to one folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from pellucid.errors import InputError
from pellucid.record import Measured, MeasureResult
from pellucid.trial.store import Store, held, key_of

RESULT = MeasureResult(measure="deletion", family="faithfulness", better="lower", measured=Measured(value=0.5, n=3))


def test_what_was_kept_comes_back_and_other_settings_do_not_see_it(tmp_path: Path) -> None:
    one, other = Store(tmp_path, key_of({"seed": 0})), Store(tmp_path, key_of({"seed": 1}))
    one.keep("grad-cam/deletion", RESULT)
    one.keep_array("maps", np.arange(4.0))
    one.keep_content("speeds", {"a": 1.5})
    again = Store(tmp_path, key_of({"seed": 0}))
    assert again.result("grad-cam/deletion") == RESULT
    maps = again.array("maps")
    assert maps is not None
    assert np.array_equal(maps, np.arange(4.0))
    assert again.content("speeds") == {"a": 1.5}
    assert (other.result("grad-cam/deletion"), other.array("maps"), other.content("speeds")) == (None, None, None)


def test_a_damaged_file_counts_as_not_measured(tmp_path: Path) -> None:
    store = Store(tmp_path, key_of({}))
    store.keep("x", RESULT)
    store.keep_array("y", np.arange(100.0))
    store.keep_content("z", [1, 2])
    for file in store.folder.iterdir():
        file.write_bytes(file.read_bytes()[: len(file.read_bytes()) // 2])
    assert (store.result("x"), store.array("y"), store.content("z")) == (None, None, None)


HOLDER = "import sys, time\nfrom pathlib import Path\nfrom pellucid.trial.store import held\n" + (
    "with held(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


def test_a_second_process_is_refused_until_the_first_is_gone_even_if_it_was_killed(tmp_path: Path) -> None:
    source = str(Path(__file__).resolve().parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another audit is writing here"), held(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    for _ in range(50):
        try:
            with held(tmp_path):
                return
        except InputError:
            time.sleep(0.1)
    pytest.fail("the lock outlived the process that held it")


def test_a_block_that_raises_before_it_wrote_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad data"), held(tmp_path / "a" / "b"):
        raise ValueError("bad data")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="bad data"), held(tmp_path / "mine"):
        raise ValueError("bad data")
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_block_that_raises_after_it_wrote_keeps_what_was_measured(tmp_path: Path) -> None:
    def late() -> None:
        with held(tmp_path / "a"):
            Store(tmp_path / "a", key_of({})).keep("x", RESULT)
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        late()
    assert Store(tmp_path / "a", key_of({})).result("x") == RESULT
