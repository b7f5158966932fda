"""Steps of a Python tool: each says `ok name` or `FAIL name: why`, and the next one goes on."""

import asyncio
import inspect


def step(name, work, *clean_up):
    try:
        result = work()
        if inspect.isawaitable(result):
            raise TypeError("use astep")
        print(f"ok {name}", flush=True)
        return result
    except Exception as error:  # noqa: BLE001 - whatever the tool throws is what is asked here
        _failed(name, error)
        for tidy in clean_up:
            tidy()


async def astep(name, work):
    try:
        result = await asyncio.wait_for(work(), 30)
        print(f"ok {name}", flush=True)
        return result
    except Exception as error:  # noqa: BLE001
        _failed(name, error)


def _failed(name, error):
    print(f"FAIL {name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
