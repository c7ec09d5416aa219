from xmppservice.backoffice.formats import TIMES

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "j M Y, H:i"
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"]
DATETIME_INPUT_FORMATS = [f"{d} {t}" for d in DATE_INPUT_FORMATS for t in TIMES]
FIRST_DAY_OF_WEEK = 1  # Monday, as in Italian
