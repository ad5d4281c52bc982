"""Commands that are refused, and one headless browser for all tests that look at pages."""

import os
import shutil

import pytest

from phi_sol.cli import main


@pytest.fixture
def refused_here(tmp_path, monkeypatch, capsys):
    """
    The one line on stderr of a command that ends with exit code 2, in this process (TensorFlow takes long to start), in
    the folder `tmp_path`.
    """
    monkeypatch.chdir(tmp_path)

    def refused_here(*arguments) -> str:
        capsys.readouterr()
        assert main([str(a) for a in arguments]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    return refused_here


@pytest.fixture(scope="session")
def chromium():
    """
    Chromium, driven by selenium; tests that need it are skipped where it, its driver or selenium is not installed.
    """
    pytest.importorskip("selenium", reason="selenium is not installed: pip install phi-sol[dev]")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("Chromium or chromedriver is not installed: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--enable-unsafe-swiftshader",
        "--window-size=1280,1100",
    ):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()
