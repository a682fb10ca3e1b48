"""Tones: a wave file that a phone plays, and whether another one is heard in what it recorded."""

import array
import math
import wave

WINDOW_S = 0.05
SILENCE = 200.0  # root mean square of 16-bit samples; a tone here has 5800


def sine(frequency, n, rate):
    return math.sin(2 * math.pi * frequency * n / rate)


def write(path, frequency, seconds=60, rate=8000):
    """A sine, 12 dB below full scale; `frequency` has whole periods in a second."""
    period = array.array("h", (int(8192 * sine(frequency, n, rate))
                               for n in range(rate)))
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(period.tobytes() * seconds)
    return path


def read(path):
    """Samples of the first channel, and their rate. A header that a killed program never finished
    is no matter: what counts is what follows it."""
    with open(path, "rb") as file:
        data = file.read()
    fmt = data.find(b"fmt ")
    start = data.find(b"data") + 8
    if fmt < 0 or start < 8:
        return array.array("h"), 8000
    channels = int.from_bytes(data[fmt + 10:fmt + 12], "little")
    rate = int.from_bytes(data[fmt + 12:fmt + 16], "little")
    body = data[start:]
    samples = array.array("h", body[:len(body) // 2 * 2])
    return samples[::channels], rate


def power(samples, frequency, rate):
    """The share of the samples' power that lies at `frequency`, 0 to 1 (Goertzel)."""
    total = sum(value * value for value in samples)
    if not total:
        return 0.0
    factor = 2 * math.cos(2 * math.pi * frequency / rate)
    last = before = 0.0
    for value in samples:
        last, before = value + factor * last - before, last
    found = last * last + before * before - factor * last * before
    return 2 * found / (len(samples) * total)


class Heard:
    """What a recording holds, window by window: a letter for each, '.' for silence, 't' for the tone
    that was asked for, '?' for anything else."""

    def __init__(self, samples, rate, frequency):
        size = int(rate * WINDOW_S)
        self.text = ""
        for start in range(0, len(samples) - size + 1, size):
            window = samples[start:start + size]
            level = math.sqrt(sum(value * value for value in window) / size)
            if level < SILENCE:
                self.text += "."
            else:
                self.text += "t" if power(window, frequency, rate) > 0.8 else "?"

    @property
    def tone_s(self):
        return self.text.count("t") * WINDOW_S

    @property
    def gap_s(self):
        """The longest time without the tone between its first and its last sound."""
        spoken = self.text.strip(".?")
        return max((len(gap) for gap in spoken.split("t")), default=0) * WINDOW_S


def heard(paths, frequency):
    """What the recordings hold one after the other."""
    found = Heard([], 8000, frequency)
    for path in paths:
        found.text += Heard(*read(path), frequency).text
    return found
