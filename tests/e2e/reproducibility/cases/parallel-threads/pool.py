"""Tasks of different length on threads; results are written as they come."""
import concurrent.futures
import random
import time


def task(number):
    time.sleep(random.random() / 2)
    return f"task {number}"


with concurrent.futures.ThreadPoolExecutor(16) as pool, open("/results", "w") as out:
    for future in concurrent.futures.as_completed([pool.submit(task, number) for number in range(16)]):
        out.write(future.result() + "\n")
