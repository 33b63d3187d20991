"""Names with spaces, quotes, dollars, newlines and glob characters."""
for name in ("with space", "quote'single", 'quote"double', "dollar$HOME", "new\nline", "star*", "[brackets]",
             "back\\slash", "-dash", "~tilde", "#hash", "semi;colon", "ünïcode", ".wh", "tab\there", "a=b", "%41"):
    with open(name, "w") as file:
        file.write(name)
