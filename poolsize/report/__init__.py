"""One file a form: text for a person, markdown for a pull request, JSON for a program."""
