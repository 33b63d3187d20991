"""Pipes and sockets of the context."""
import os
import socket
os.mkfifo("pipe", 0o640)
os.mkdir("below")
os.mkfifo("below/pipe")
socket.socket(socket.AF_UNIX).bind("socket")
