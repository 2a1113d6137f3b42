"""Where people's likes already are: photo programs' stars, favourites and rejects, and stars written back."""
