"""Tables of any format as rows of text, each with the line that it stands on."""
