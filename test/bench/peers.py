"""One measurement of one Python peer: `peers.py <scenario> <contender> <options as JSON>` prints what it has measured.

The scenarios are those of scenarios/*.mjs, with fewer requests: a request costs a hundred times as much here.
"""
import asyncio
import json
import os
import resource
import sys
import threading
import time


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_mib():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class RequestsFutures:
    module = "requests_futures.sessions"

    def open(self, url, concurrency):
        from requests_futures.sessions import FuturesSession

        self.url = url
        self.session = FuturesSession(max_workers=concurrency)

    def get_all(self, count):
        futures = [self.session.get(self.url) for _ in range(count)]
        return [future.result().json() for future in futures]

    def get(self):
        return self.session.get(self.url).result().json()


class RequestsToolbelt:
    module = "requests_toolbelt.threaded.pool"

    def open(self, url, concurrency):
        self.url = url
        self.concurrency = concurrency

    def get_all(self, count):
        from requests_toolbelt.threaded.pool import Pool

        # Its threads may start before their fields are set, and then lose a job each: what is lost is asked for again.
        threading.excepthook = lambda _: None
        answers = []
        while len(answers) < count:
            pool = Pool.from_urls([self.url] * (count - len(answers)), num_processes=self.concurrency)
            pool.join_all()
            answers += [response.json() for response in pool.responses()]
        return answers

    def get(self):
        return self.get_all(1)[0]


class Aiohttp:
    module = "aiohttp"

    def open(self, url, concurrency):
        self.url = url
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.connect(concurrency))

    async def connect(self, concurrency):
        import aiohttp

        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency))

    async def ask(self):
        async with self.session.get(self.url) as response:
            return await response.json()

    async def ask_all(self, count):
        return await asyncio.gather(*(self.ask() for _ in range(count)))

    def get_all(self, count):
        return self.loop.run_until_complete(self.ask_all(count))

    def get(self):
        return self.loop.run_until_complete(self.ask())


class Dask:
    """dask.distributed's executor under requests-futures: two processes, as many threads as there are requests at once."""

    module = "distributed"

    def open(self, url, concurrency):
        import distributed
        import requests
        from requests_futures.sessions import FuturesSession

        self.url = url
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=concurrency // 2, dashboard_address=None, silence_logs="ERROR"
        )
        self.client = distributed.Client(cluster)
        executor = self.client.get_executor(pure=False)
        self.session = FuturesSession(executor=executor, session=requests.Session())

    def get_all(self, count, at_once):
        from concurrent.futures import FIRST_COMPLETED, wait

        waiting, submitted, answers = set(), 0, []
        while len(answers) < count:
            while submitted < count and len(waiting) < at_once:
                waiting.add(self.session.get(self.url))
                submitted += 1
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            answers += [future.result().json() for future in done]
        return answers


contenders = {"requests-futures": RequestsFutures, "requests-toolbelt": RequestsToolbelt, "aiohttp": Aiohttp, "dask": Dask}


def batches(client, warm, slices, size, check):
    client.get_all(warm)
    costs, rates = [], []
    for _ in range(slices):
        cpu, begin = cpu_seconds(), time.perf_counter()
        answers = client.get_all(size)
        rates.append(size / (time.perf_counter() - begin))
        costs.append((cpu_seconds() - cpu) * 1e6 / size)
        if len(answers) != size or not all(map(check, answers)):
            raise RuntimeError("not the answer")
    return {"cpu": min(costs), "rate": max(rates)}


def small_json(client, url, quick):
    client.open(url, 8)
    size = 200 if quick else 500
    return batches(client, 200, 2 if quick else 3, size, lambda answer: answer["id"] == 7)


def body_64k(client, url, quick):
    client.open(url + "64k.json", 8)
    size = 100 if quick else 200
    return batches(client, 100, 2 if quick else 3, size, lambda answer: len(answer) > 100)


def sequential(client, url, quick):
    client.open(url, 1)
    times = []
    for turn in range(-100, 200 if quick else 500):
        begin = time.perf_counter()
        client.get()
        if turn >= 0:
            times.append((time.perf_counter() - begin) * 1e6)
    times.sort()
    return {"p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)]}


def start_up(client, url, spawned_at):
    before, begin = resident_mib(), time.perf_counter()
    __import__(client.module)
    load, memory = (time.perf_counter() - begin) * 1e3, resident_mib() - before
    client.open(url, 8)
    if client.get()["id"] != 7:
        raise RuntimeError("not the answer")
    return {"load": load, "memory": memory, "first": time.time() * 1e3 - spawned_at}


def fleet(client, url, quick):
    client.open(url + "64.json", 64)
    count = 500 if quick else 1000
    client.get_all(count, 64)
    begin = time.perf_counter()
    answers = client.get_all(count, 64)
    rate = count / (time.perf_counter() - begin)
    if not all(answer["id"] == 7 for answer in answers):
        raise RuntimeError("not the answer")
    client.client.shutdown()
    return {"rate64": rate}


# Processes that a peer starts load this file, too.
if __name__ == "__main__":
    scenario, contender, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    peer = contenders[contender]()
    if scenario == "start-up":
        result = start_up(peer, options["url"], options["spawnedAt"])
    else:
        measures = {"small-json": small_json, "body-64k": body_64k, "sequential": sequential, "fleet": fleet}
        measure = measures[scenario]
        result = measure(peer, options["url"], options["isQuick"])
    print(json.dumps(result), flush=True)
    os._exit(0)
