"""One headless browser for all tests that look at pages."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def chromium():
    """Chromium, driven by selenium; tests that need it are skipped where it, its driver or selenium is not installed."""
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
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader", "--window-size=1280,1100"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()
