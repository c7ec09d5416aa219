-- What Prosody gives its modules.
std = "max"
read_globals = { "module", "prosody" }
max_line_length = 120
