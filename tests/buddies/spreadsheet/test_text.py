"""CSV: encodings, separators, and texts that look like formulas."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddies.spreadsheet import files
from buddies.spreadsheet.text import CSV

TABLE = "Indirizzo;Nome;Gruppo\r\nromeo;Roméo – città;Verona\r\n"


@pytest.mark.parametrize(
    ("content", "encoding", "separator"),
    [
        (TABLE.encode("cp1252"), "Windows-1252", ";"),
        (TABLE.encode(), "UTF-8", ";"),
        (("sep=;\r\n" + TABLE).encode(), "UTF-8", ";"),
        (("\ufeffsep=;\r\n" + TABLE).encode(), "UTF-8", ";"),
        (('"SEP=;"\n' + TABLE).encode("utf-16"), "UTF-16", ";"),
        (("\ufeff" + TABLE.replace(";", "\t")).encode("utf-16-le"), "UTF-16", "\t"),
        (("\ufeff" + TABLE.replace(";", "\t")).encode("utf-16-be"), "UTF-16", "\t"),
        (("sep=\t\r\n" + TABLE.replace(";", "\t")).encode(), "UTF-8", "\t"),
        (("sep=^\n" + TABLE.replace(";", "^")).encode("cp1252"), "Windows-1252", "^"),
        (TABLE.replace(";", "|").encode(), "UTF-8", "|"),
        (TABLE.replace("\r\n", "\r").encode(), "UTF-8", ";"),
        (("\r\n\n" + TABLE.replace("\r\n", "\n\n")).encode(), "UTF-8", ";"),
        (TABLE.replace("Nome", '"Nome"').encode("cp1252"), "Windows-1252", ";"),
    ],
)
def test_a_csv_file_of_any_program_is_read(content, encoding, separator):
    rows, source = files.read(content)

    assert [row.cells for row in rows] == [
        {"address": "romeo", "name": "Roméo – città", "parent": "Verona"}
    ]
    assert (source.encoding, source.separator) == (encoding, separator)
    assert dict(source.headers) == {
        "Indirizzo": "address",
        "Nome": "name",
        "Gruppo": "parent",
    }


def test_the_stated_separator_is_believed():
    rows, _source = files.read(b"sep=;\naddress;name\na,b;c,d,e\n")

    assert rows == [(2, {"address": "a,b", "name": "c,d,e"})]


def test_the_source_says_what_was_assumed():
    _rows, source = files.read(TABLE.encode("cp1252"))

    assert source.in_words() == [
        "Encoding: Windows-1252. Cells are separated by semicolons.",
        "The file is not UTF-8. Check letters with accents.",
        "The column “Indirizzo” was read as “address”.",
        "The column “Nome” was read as “name”.",
        "The column “Gruppo” was read as “parent”.",
    ]


def test_a_json_file_assumes_nothing():
    assert files.read(b'[{"address": "a"}]').source.in_words() == []


# --- Formulas -----------------------------------------------------------------------


def exported(text: str) -> str:
    """Return the first cell of a table with this text."""
    content = CSV().write([[text]]).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(content, newline="")))[1][0]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Ciao\n=1+1", "Ciao\n'=1+1"),
        ("Ciao\r\n+39", "Ciao\r\n'+39"),
        ("Ciao\r@A", "Ciao\r'@A"),
        ("a;=1+1", "a;'=1+1"),
        ("a,-1", "a,'-1"),
        ("a\t=1", "a\t'=1"),
        ("a| =1", "a|' =1"),
        ("a\u2028=1", "a\u2028'=1"),
        ("a;\tb", "a;'\tb"),
        ('x;"=1+1;y', "x;'\"=1+1;y"),
        ("a;'=1", "a;''=1"),
        ("a\n\n=1", "a\n\n'=1"),
        ("a; b, c\r\n\r\nd", "a; b, c\r\n\r\nd"),
        ("l'ora, e 1+1=2", "l'ora, e 1+1=2"),
    ],
)
def test_each_beginning_of_a_cell_is_guarded(text, cell):
    assert exported(text) == cell


BEGINNING = re.compile(r"""(?:^|[\t\n\v\f\r\x85\u2028\u2029,;|])[ "]*[=+\-@＝＋－＠]""")


@given(st.text("'=+-@＝\t\r\n\u2028,;|\" a", max_size=12))
def test_a_guarded_text_has_no_formula_and_comes_back(text):
    content = CSV().write([[text, "end"]])

    assert not BEGINNING.search(exported(text))
    decoded = content.decode("utf-8-sig")
    table = CSV().read(decoded, "UTF-8")
    assert list(table.rows)[1] == (2, [text, "end"])
