"""A sparse file keeps its size and content."""
with open("sparse", "wb") as file:
    file.write(b"head")
    file.seek(3000000)
    file.write(b"tail")
    file.truncate(5000000)
