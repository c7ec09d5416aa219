"""Date formats for Django's FORMAT_MODULE_PATH: the same in every language."""
