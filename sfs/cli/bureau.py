"""`sfs bureau`: the label bureau. Each of its commands is imported when it is called."""

from sfs.cli.group import group_of

# Name -> the file in sfs/cli and its function, and what it does.
COMMANDS = {
    "serve": ("bureau_serve", "serve", "Answer which labels URLs have, in PICS and in JSON."),
    "rate": ("bureau_rate", "rate", "Rate a page, or all that begins with a URL; or take a rating back."),
    "query": ("bureau_rate", "query", "Say which labels URLs have."),
    "history": ("bureau_rate", "history", "Print all that was ever said of a URL."),
    "import": ("bureau_import", "import_files", "Take labels out of lists, tables and PICS label files."),
    "export": ("bureau_import", "export", "Write the labels as a table or as PICS label lists."),
    "label": ("bureau_import", "label", "Print the label for a page of your own."),
}

command = group_of("bureau", COMMANDS, "The label bureau: labels of pages, kept, changed and served.")
