"""How dates look, for Django's FORMAT_MODULE_PATH: in one form in each language."""
