"""A download: a process of its own that reads an answer of any size as fast as it comes, and keeps nothing of it."""

import json
import socket
import sys
import time


def main(port: int, path: str, token: str) -> dict[str, float]:
    """Return bytes per second, and the share of a processor that this took."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        head = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        )
        began, cpu, got = time.monotonic(), time.process_time(), 0
        client.sendall(f"{head}\r\n".encode())
        while count := client.recv_into(buffer):
            if got == 0 and not buffer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(bytes(buffer[:count]).decode(errors="replace"))
            got += count
    elapsed = time.monotonic() - began
    return {"rate": got / elapsed, "size": got, "cpu": (time.process_time() - cpu) / elapsed}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2], sys.argv[3])))
