"""The report in headless Chromium: every picture is shown, and nothing is complained of."""


def test_report(chromium, tiny_evaluation):
    chromium.get("about:blank")
    chromium.get_log("browser")  # what other pages left there
    chromium.get((tiny_evaluation.files[0].parent / "report.html").as_uri())
    run = chromium.execute_script
    assert run("return document.querySelector('h1').textContent") == "tiny: evaluation over 10 units of time"
    sizes = run("return Array.from(document.images, i => i.complete ? i.naturalWidth : 0)")
    assert len(sizes) >= 9 and all(s > 300 for s in sizes)
    rows = run("return Array.from(document.querySelector('table').rows, r => r.cells[0].textContent)")
    assert rows == ["solver", "SRC", "SRC-MC", "sol_seed0", "sol_seed1", "REF"]
    assert run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert chromium.get_log("browser") == []
