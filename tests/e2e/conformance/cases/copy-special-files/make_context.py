"""Pipes and sockets of the context."""
import os
import socket
os.mkfifo("pipe", 0o640)
