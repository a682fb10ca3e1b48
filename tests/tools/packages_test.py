"""The package lists and the installer: well-formed lists, nothing to do on a complete machine, and clear
words where packages are missing and root is out of reach."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2] / "tools/packages"
NOBODY = 65534


def names(path):
    lines = path.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def install(commands, *groups):
    """Runs a copy of the installer, not as root, with only `commands` (name -> script) and a few basic
    tools in its PATH."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for path in PACKAGES.iterdir():
            shutil.copy(path, folder)
        for name, script in commands.items():
            path = Path(folder) / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        for tool in ("dirname", "bash"):
            os.symlink(f"/usr/bin/{tool}", f"{folder}/{tool}")
        return subprocess.run(
            ["/bin/bash", f"{folder}/install", *groups],
            env={"PATH": folder}, capture_output=True, text=True, check=False,
            user=NOBODY if os.geteuid() == 0 else None,
        )


class Lists(unittest.TestCase):
    def test_lists_name_debian_packages_once(self):
        lists = sorted(PACKAGES.glob("*.txt"))
        self.assertLessEqual({"build.txt", "test.txt", "check.txt"}, {path.name for path in lists})
        for path in lists:
            with self.subTest(path.name):
                found = names(path)
                self.assertGreater(len(found), 0)
                self.assertEqual(len(found), len(set(found)))
                for name in found:
                    self.assertRegex(name, r"^[a-z0-9][a-z0-9.+-]+$")


class Installer(unittest.TestCase):
    def test_installs_nothing_when_all_is_there(self):
        present = "shift 3; for p in \"$@\"; do echo \"$p ii \"; done"
        result = install({"dpkg-query": present, "apt-get": "exit 9"}, "build", "test")
        self.assertEqual((0, ""), (result.returncode, result.stdout + result.stderr))

    def test_unknown_group_is_an_error(self):
        result = install({}, "nonsense")
        self.assertEqual(1, result.returncode)
        self.assertIn("nonsense.txt", result.stderr)

    def test_without_apt_it_names_what_is_needed(self):
        result = install({}, "build")
        self.assertEqual(1, result.returncode)
        self.assertIn("Debian 12", result.stderr)
        self.assertIn("ninja-build", result.stderr)

    def test_without_root_and_sudo_it_says_what_to_run(self):
        result = install({"dpkg-query": "exit 1", "apt-get": "exit 9"}, "build")
        self.assertEqual(1, result.returncode)
        self.assertTrue(re.search(r"apt-get install .*ninja-build", result.stderr), result.stderr)


if __name__ == "__main__":
    unittest.main()
