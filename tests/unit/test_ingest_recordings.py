from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.recordings import HEADER, RecordingError, Series, read
from registry.instants import to_micros
from registry.quantities import Quantity

TEXT = (
    ",".join(HEADER)
    + "\n"
    + """\
2016-03-01T00:00:49,meter-1,volume,l,437506
2016-03-01T00:01:00Z,meter-2,energy,kWh,0.059
2016-03-01T08:01:00.5+08:00,meter-2,alarm,,1
2016-03-01T00:00:49,meter-1,volume,l,437506
2016-02-29T23:00:00,meter-1,volume,m3,437.6
"""
)


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "recorded.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def at(*moment: int) -> int:
    return to_micros(datetime(*moment, tzinfo=UTC))  # type: ignore[arg-type, misc] # year to second


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("packed", [False, True])
def test_rows_keep_the_order_of_the_file_with_repetitions_and_steps_back(
    tmp_path: Path, rows: int, *, packed: bool
) -> None:
    file = write(tmp_path, gzip.compress(TEXT.encode()) if packed else TEXT)
    chunks = list(read(file, rows=rows))
    assert [row for chunk in chunks for row in chunk.rows()] == [
        (Series("meter-1", Quantity.VOLUME, "l"), at(2016, 3, 1, 0, 0, 49), 437_506),
        (Series("meter-2", Quantity.ENERGY, "kWh"), at(2016, 3, 1, 0, 1), 0.059),
        (Series("meter-2", Quantity.ALARM, ""), at(2016, 3, 1, 0, 1, 0, 500_000), 1),
        (Series("meter-1", Quantity.VOLUME, "l"), at(2016, 3, 1, 0, 0, 49), 437_506),
        (Series("meter-1", Quantity.VOLUME, "m3"), at(2016, 2, 29, 23), 437.6),
    ]
    si = np.concatenate([chunk.value for chunk in chunks])
    assert si.tolist() == pytest.approx([437_506, 59, 1, 437_506, 437_600])
    assert all(len(chunk) <= rows for chunk in chunks)
    assert all(0 < chunk.share <= 1 for chunk in chunks)


def test_times_without_an_offset_are_those_of_the_zone(tmp_path: Path) -> None:
    (chunk,) = read(write(tmp_path, TEXT), "Asia/Shanghai")
    assert chunk.time.tolist()[:2] == [at(2016, 2, 29, 16, 0, 49), at(2016, 3, 1, 0, 1)]


def test_a_byte_order_mark_and_empty_lines_are_no_matter(tmp_path: Path) -> None:
    text = "\ufeff" + TEXT.replace("\n", "\r\n") + "\r\n\r\n"
    assert sum(len(chunk) for chunk in read(write(tmp_path, text))) == 5


def test_a_recording_of_nothing_has_no_chunks(tmp_path: Path) -> None:
    assert list(read(write(tmp_path, ",".join(HEADER) + "\n"))) == []


GOOD = "2016-03-01T00:00:49,meter-1,volume,l,437506"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2016-03-01T00:00:49,meter-1,volume,l", "has 4 fields; write the five"),
        ("yesterday,meter-1,volume,l,1", "time `yesterday` is not ISO 8601; write it as"),
        ("2016-03-01T00:00:49,me/ter,volume,l,1", "device `me/ter` is no id"),
        ("2016-03-01T00:00:49,,volume,l,1", "device `` is no id"),
        ("2016-03-01T00:00:49,meter-1,water,l,1", "name `water` is not known; write one of volume, energy"),
        ("2016-03-01T00:00:49,meter-1,volume,gal,1", "unit `gal` is not one of volume; write `l` or `m3`"),
        ("2016-03-01T00:00:49,meter-1,volume,l,much", "value `much` is not a number"),
        ("2016-03-01T00:00:49,meter-1,volume,l,-1", "value -1 is impossible for volume; it is from 0 to 1e\\+12 l"),
        ("2016-03-01T00:00:49,meter-1,volume,l,nan", "value nan is impossible"),
        ("2016-03-01T00:00:49,meter-1,alarm,,2", "value 2 is impossible for alarm; it is from 0 to 1$"),
    ],
)
def test_errors_name_file_line_and_what_to_write(tmp_path: Path, row: str, message: str) -> None:
    file = write(tmp_path, "\n".join([",".join(HEADER), GOOD, "", row, GOOD]))
    with pytest.raises(RecordingError, match=rf"recorded\.csv:4: .*{message}"):
        list(read(file))


def test_files_that_are_no_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RecordingError, match=r"recorded\.csv:1: its header is `a,b`; write `time,device,name,unit,value`"
    ):
        list(read(write(tmp_path, "a,b\n")))
    with pytest.raises(RecordingError, match=r"missing\.csv: it cannot be read"):
        list(read(tmp_path / "missing.csv"))
    with pytest.raises(RecordingError, match="pack the file anew"):
        list(read(write(tmp_path, gzip.compress(TEXT.encode())[:-20])))
    with pytest.raises(RecordingError, match="it is not UTF-8"):
        list(read(write(tmp_path, TEXT.encode() + b"\xff")))
    with pytest.raises(RecordingError, match="zone `Mars` is not known"):
        list(read(write(tmp_path, TEXT), "Mars"))


_TIMES = st.one_of(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda one: one.isoformat(timespec="seconds")),  # noqa: DTZ001 - as written without an offset
    st.datetimes(datetime(2015, 3, 28), datetime(2015, 3, 30)).map(lambda one: one.isoformat(" ", "seconds")),  # noqa: DTZ001
    st.datetimes(datetime(2015, 10, 24), datetime(2015, 10, 26)).map(datetime.isoformat),  # noqa: DTZ001
    st.builds(
        lambda one, offset: one.isoformat(timespec="seconds") + offset,
        st.datetimes(datetime(1970, 1, 1), datetime(2070, 1, 1)),  # noqa: DTZ001
        st.sampled_from(["Z", "+08:00", "-11:30", "+00:00", "+05:45"]),
    ),
    st.sampled_from(["20160301T000049", "2016-03-01", "2016-03-01T24:00:00", "2016-02-30T00:00:00",
                     "2016-13-01T00:00:00", "2016-03-01T00:00:60", "2016-03-01t00:00:49", "2016-03-01T00:00:49+08",
                     "201x-03-01T00:00:49", "2016-03-01T00:00:49+24:00", "2016-03-01T00:00:49z"]),
)  # fmt: skip
_VALUES = st.one_of(
    st.integers(0, 10**12).map(str),
    st.floats(0, 1e12, allow_nan=False).map(repr),
    st.decimals(0, 10**6, places=3).map(str),
    st.sampled_from(["007", ".5", "5.", ".", "1e3", "1_0", " 1", "+1", "-0", "1.2.3", "0.1234567890123456", "nan", ""]),
)
_DEVICES = st.sampled_from(["meter-1", "meter-2", "水表", '"a, b"', "me/ter", '"q"'])


@given(
    rows=st.lists(st.tuples(_TIMES, _DEVICES, _VALUES), min_size=1, max_size=6),
    zone=st.sampled_from(["UTC", "Europe/Madrid", "Asia/Shanghai", "America/St_Johns"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=300, deadline=None)
def test_rows_read_together_mean_what_they_mean_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], zone: str, end: str
) -> None:
    lines = [f"{time},{device},volume,l,{value}" for time, device, value in rows]
    folder = tmp_path_factory.getbasetemp()

    def told(text: str) -> list[tuple[str, int, float]] | str:
        try:
            return [
                (row.series.device, row.time, row.value)
                for chunk in read(write(folder, text), zone)
                for row in chunk.rows()
            ]
        except RecordingError as error:
            return str(error)

    header = ",".join(HEADER)
    together = told(end.join([header, *lines]) + end)
    # A quoted field makes the reader take every line for itself.
    quoted = ",".join(f'"{name}"' for name in HEADER)
    apart = told(end.join([quoted, *(line.replace(",volume,", ',"volume",') for line in lines)]) + end)
    assert together == apart


def test_many_rows_are_read_in_blocks_and_an_error_is_named_by_its_line(tmp_path: Path) -> None:
    rows = [
        f"2016-03-01T{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d},meter-{n % 7},volume,l,{n}"
        for n in range(90_000)
    ]
    file = write(tmp_path, "\n".join([",".join(HEADER), *rows]) + "\n")
    chunks = list(read(file))
    assert len(chunks) > 1
    assert np.concatenate([chunk.value for chunk in chunks]).tolist() == list(range(90_000))
    share = [chunk.share for chunk in chunks]
    assert share == sorted(share)
    rows[80_000] = "2016-03-01T00:00:49,meter-1,volume,gal,437506"
    with pytest.raises(RecordingError, match=r"recorded\.csv:80002: unit `gal`"):
        list(read(write(tmp_path, "\n".join([",".join(HEADER), *rows]) + "\n")))
