"""Small libraries of the published forms, as the programs write them, for the tests of `tasteprint.likes`."""

import random
import sqlite3
from contextlib import closing

from PIL import Image

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"


def picture(path, **more):
    """A small picture of its own colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = Image.frombytes("RGB", (8, 8), random.Random(ascii(path.name)).randbytes(192))
    small.resize((48, 48)).save(path, **more)
    return path


def packet(attributes="", inside="", declared=f'xmlns:xmp="{XMP}"'):
    """An XMP packet, by the attributes of its description and what stands in it."""
    return (
        f'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" {declared} {attributes}>{inside}'
        f'</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
    ).encode()


def lightroom(path, rows, root="/photos/", wal=False):
    """A catalog; rows are folder, file, rating, pick."""
    with closing(sqlite3.connect(path)) as catalog:
        if wal:
            catalog.execute("PRAGMA journal_mode = WAL")
        catalog.executescript(
            """
            CREATE TABLE AgLibraryRootFolder (id_local INTEGER PRIMARY KEY, absolutePath UNIQUE NOT NULL DEFAULT '');
            CREATE TABLE AgLibraryFolder (id_local INTEGER PRIMARY KEY, pathFromRoot NOT NULL DEFAULT '',
                rootFolder INTEGER NOT NULL DEFAULT 0);
            CREATE TABLE AgLibraryFile (id_local INTEGER PRIMARY KEY, folder INTEGER NOT NULL DEFAULT 0,
                idx_filename NOT NULL DEFAULT '');
            CREATE TABLE Adobe_images (id_local INTEGER PRIMARY KEY, rootFile INTEGER NOT NULL DEFAULT 0, rating,
                pick NOT NULL DEFAULT 0, colorLabels NOT NULL DEFAULT '', masterImage INTEGER);
            """
        )
        catalog.execute("INSERT INTO AgLibraryRootFolder VALUES (1, ?)", (str(root),))
        for number, (folder, file, rating, pick) in enumerate(rows, 1):
            catalog.execute("INSERT INTO AgLibraryFolder VALUES (?, ?, 1)", (number, folder))
            catalog.execute("INSERT INTO AgLibraryFile VALUES (?, ?, ?)", (number, number, file))
            catalog.execute(
                "INSERT INTO Adobe_images (rootFile, rating, pick) VALUES (?, ?, ?)", (number, rating, pick)
            )
        catalog.commit()
    return path


def digikam(path, identifier, rows, specific="/"):
    """A database; rows are album, file, rating, label, status."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            """
            CREATE TABLE AlbumRoots (id INTEGER PRIMARY KEY, label TEXT, status INTEGER NOT NULL,
                type INTEGER NOT NULL, identifier TEXT, specificPath TEXT);
            CREATE TABLE Albums (id INTEGER PRIMARY KEY, albumRoot INTEGER NOT NULL, relativePath TEXT NOT NULL);
            CREATE TABLE Images (id INTEGER PRIMARY KEY, album INTEGER, name TEXT NOT NULL, status INTEGER NOT NULL,
                category INTEGER NOT NULL);
            CREATE TABLE ImageInformation (imageid INTEGER PRIMARY KEY, rating INTEGER);
            CREATE TABLE Tags (id INTEGER PRIMARY KEY, pid INTEGER, name TEXT NOT NULL);
            CREATE TABLE ImageTags (imageid INTEGER NOT NULL, tagid INTEGER NOT NULL);
            INSERT INTO Tags VALUES (1, 0, '_Digikam_Internal_Tags_'), (2, 1, 'Pick Label Rejected'),
                (3, 1, 'Pick Label Accepted'), (4, 0, 'Pick Label Rejected');
            """
        )
        database.execute("INSERT INTO AlbumRoots VALUES (1, 'Photos', 0, 1, ?, ?)", (identifier, specific))
        for number, (album, name, rating, label, status) in enumerate(rows, 1):
            database.execute("INSERT INTO Albums VALUES (?, 1, ?)", (number, album))
            database.execute("INSERT INTO Images VALUES (?, ?, ?, ?, 1)", (number, number, name, status))
            if rating is not None:
                database.execute("INSERT INTO ImageInformation VALUES (?, ?)", (number, rating))
            if label is not None:
                database.execute("INSERT INTO ImageTags VALUES (?, ?)", (number, label))
        database.commit()
    return path


def images_browser(path, rows):
    """A database of ranks; rows are file, rank, prompt."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            """
            CREATE TABLE ranking (file TEXT PRIMARY KEY, name TEXT, ranking TEXT);
            CREATE TABLE exif_data (file TEXT, key TEXT, value TEXT, PRIMARY KEY (file, key));
            """
        )
        for file, rank, prompt in rows:
            database.execute("INSERT INTO ranking VALUES (?, 'x', ?)", (str(file), rank))
            if prompt:
                database.execute("INSERT INTO exif_data VALUES (?, 'prompt', ?)", (str(file), prompt))
        database.commit()
    return path
