"""The pages in a real headless browser: drawn, pointed at, zoomed, turned, by mouse, finger and keyboard."""

import re
import time

import made_up_run
import pytest

from benchmarks import chromium
from depth_nodes.replay import compare, report

PROGRAM = chromium.find()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason='no Chromium or Chrome is installed')
WIDTH, HEIGHT = 1280, 900
FRAMES = 2000
SPIKE = 1234  # the frame whose latency sticks out


@pytest.fixture(scope='module')
def made():
    made = made_up_run.run(FRAMES)
    made['series']['latency_ms'][SPIKE] = 900.0
    return made


@pytest.fixture(scope='module')
def path(made, tmp_path_factory):
    return report.write_report(made, tmp_path_factory.mktemp('report'))


@pytest.fixture(scope='module')
def browser():
    with chromium.Chromium(PROGRAM, width=WIDTH, height=HEIGHT) as browser:
        browser.resize(WIDTH, HEIGHT)
        yield browser


@pytest.fixture
def opened(browser, path):
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(path)
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    yield browser
    assert browser.complaints == []


def wait(browser, expression):
    end = time.monotonic() + 30
    while not browser.ask(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.02)


def one(browser, selector, what):
    """A property of the first element of a selector: 'textContent'."""
    return browser.ask(f'document.querySelector({selector!r}).{what}')


def every(browser, selector, what):
    """An expression of every `element` of a selector."""
    return browser.ask(f'[...document.querySelectorAll({selector!r})].map(element => {what})')


def box(browser, selector):
    """Scroll an element to the middle of the window; its left, top, width and height there."""
    return browser.ask(f"""(() => {{ const element = document.querySelector({selector!r});
        element.scrollIntoView({{block: 'center', behavior: 'instant'}});
        const {{left, top, width, height}} = element.getBoundingClientRect();
        return [left, top, width, height]; }})()""")


def panel(name):
    return f'svg[data-panel="{name}"]'


def said(browser, name):
    """What stands in the head of a panel."""
    return one(browser, panel(name), 'previousElementSibling.querySelector("output").textContent')


def test_all_of_it_is_drawn_without_a_complaint_or_a_request(opened, path):
    assert every(opened, '.plot', "element.querySelectorAll('path').length > 0") == [True] * 7
    assert every(opened, 'figure img', 'element.complete && element.naturalWidth > 0') == [True] * 6
    assert {request for request in opened.requests if request[:5] != 'data:'} == {path.resolve().as_uri()}


# relative luminance and contrast of WCAG 2.1
CONTRASTS = """(() => {
    const channels = text => text.match(/[\\d.]+/g).map(Number);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) =>
        0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const ground = element => { for (; element; element = element.parentElement) {
        const colour = channels(getComputedStyle(element).backgroundColor);
        if (colour.length < 4 || colour[3] > 0) return colour; } };
    return [...document.querySelectorAll('h1, h2, h3, p, dt, dd, th, td, li, a, caption, button, select, ' +
        'summary, .meaning, .plot text, .plot .line, .plot .mark')].map(element => {
            const style = getComputedStyle(element), line = element.tagName === 'path';
            const ink = channels(line ? style.stroke : element.tagName === 'text' ? style.fill : style.color);
            const [a, b] = [luminance(ink), luminance(ground(element))].sort((x, y) => y - x);
            return [(a + 0.05) / (b + 0.05), line ? 3 : 4.5, element.outerHTML.slice(0, 80)]; }); })()"""


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_light_and_dark_can_both_be_read(browser, path, scheme, made, tmp_path):
    browser.dress(scheme)
    compare.write_comparison([made, made_up_run.run(200, seed=3)], ['a', 'b'], tmp_path / 'compare.html')
    for page in (path, tmp_path / 'compare.html'):
        browser.open(page)
        colour = browser.ask('getComputedStyle(document.body).backgroundColor')
        ground = [int(part) for part in re.findall(r'\d+', colour)]
        assert all(part > 200 for part in ground) if scheme == 'light' else all(part < 60 for part in ground)
        found = browser.ask(CONTRASTS)
        assert len(found) > 80
        assert [(round(contrast, 2), what) for contrast, least, what in found if contrast < least] == []
    browser.dress('light')


def test_one_cursor_stands_on_the_same_frame_in_every_panel(opened, made):
    left, top, width, height = box(opened, panel('Latency'))
    opened.mouse('mouseMoved', left + width / 2, top + height / 2)
    places = every(opened, '.cursor', "element.getAttribute('x1')")
    assert len(places) == 5 and len(set(places)) == 1
    frame = int(opened.ask("document.getElementById('frame').value"))
    series = made['series']
    assert abs(series['t'][frame] - series['t'][-1] / 2) < 2
    assert float(said(opened, 'Latency').split()[0]) == pytest.approx(series['latency_ms'][frame], rel=1e-3)
    assert float(said(opened, 'Error')) == pytest.approx(series['figures']['abs_rel'][frame], rel=1e-3)
    assert said(opened, 'Dropped') == 'answered'
    text = opened.ask("document.getElementById('frame-text').textContent")
    assert text.startswith(f'{frame + 1} of 2000') and f'{series["stamp_ns"][frame]} ns' in text


def view(browser):
    return browser.ask('plots.view')


def test_a_drag_zooms_all_panels_and_a_double_click_shows_the_whole_run(opened, made):
    whole = view(opened)
    assert whole == pytest.approx([made['series']['t'][0], made['series']['t'][-1]])
    left, top, width, height = box(opened, panel('Latency'))
    opened.drag((left + width * 0.25, top + 40), (left + width * 0.5, top + 40))
    near = view(opened)
    assert near[1] - near[0] == pytest.approx((whole[1] - whole[0]) / 4, rel=0.15)
    ticks = [float(text) for text in every(opened, f'{panel("Dropped")} text', 'element.textContent')[:-1]]
    assert near[0] <= min(ticks) and max(ticks) <= near[1]
    assert opened.ask("document.querySelectorAll('.selection').length") == 0
    left, top, width, height = box(opened, panel('Error'))
    for count in (1, 2):
        for kind in ('mousePressed', 'mouseReleased'):
            opened.mouse(kind, left + width / 2, top + height / 2, button='left', clickCount=count)
    assert view(opened) == whole


def test_a_frame_that_sticks_out_is_drawn_though_lines_are_thinned_out(opened):
    path = one(opened, f'{panel("Latency")} .line', "getAttribute('d')")
    width = one(opened, panel('Latency'), 'clientWidth')
    points = re.findall(r'[ML]([\d.]+) ([\d.]+)', path)
    assert 1000 < len(points) < 4 * width
    top = min(points, key=lambda point: float(point[1]))
    assert float(top[1]) < 12 and abs(float(top[0]) - opened.ask(f'plots.x({SPIKE / 30})')) <= 1


def test_the_keyboard_moves_the_frame_and_zooms(opened, made):
    opened.ask("document.getElementById('frame').focus()")
    for _ in range(3):
        opened.key('ArrowRight')
    assert opened.ask("document.getElementById('frame').value") == '3'
    assert one(opened, '#frame', "getAttribute('aria-valuetext')").startswith('frame 4, Error ')
    whole = view(opened)
    opened.key('+')
    assert view(opened)[1] < whole[1]
    opened.key('Escape')
    assert view(opened) == whole


def test_everything_that_can_be_used_is_reached_by_tab(opened):
    opened.ask('document.activeElement.blur()')
    reached = []
    for _ in range(60):
        opened.key('Tab')
        reached.append(opened.ask("""(({tagName, id, className}) =>
            tagName.toLowerCase() + (id && '#' + id) + (className && '.' + className)
        )(document.activeElement)"""))
    assert {'a', 'select', 'button', 'input#frame', 'summary', 'button.enlarge', 'button.show',
            'canvas'} <= set(reached)
    assert reached.count('button.enlarge') >= 6 and reached.count('select') >= 3


def test_another_figure_is_drawn_when_it_is_chosen(opened):
    line = f'{panel("Error")} .line'
    before = one(opened, line, "getAttribute('d')")
    opened.ask("""(() => { const select = document.querySelector('.panels select');
        select.value = 1; select.dispatchEvent(new Event('change')); })()""")
    assert one(opened, line, "getAttribute('d')") != before
    assert one(opened, '.panels .meaning', 'textContent') == '[m] root of the mean of (d - d*)^2'


def test_a_picture_can_be_enlarged_and_leads_to_its_frame(opened, made):
    left, top, width, height = box(opened, 'button.enlarge')
    for kind in ('mousePressed', 'mouseReleased'):
        opened.mouse(kind, left + width / 2, top + height / 2, button='left', clickCount=1)
    assert one(opened, '#enlarged', 'open') and one(opened, '#enlarged img', 'naturalWidth') > 0
    opened.key('Escape')
    wait(opened, "!document.getElementById('enlarged').open")
    opened.ask("[...document.querySelectorAll('button.show')].at(-1).click()")
    stamp = made['pictures']['worst'][-1]['stamp_ns']
    assert int(one(opened, '#frame', 'value')) == made['series']['stamp_ns'].index(stamp)


def test_error_against_distance_tells_the_bin_under_the_pointer(opened, made):
    left, top, width, height = box(opened, '#distance .plot')
    opened.mouse('mouseMoved', left + width - 16, top + height / 2)
    text = opened.ask("document.querySelector('#distance output').textContent")
    last = made['distance'][-1]
    near, far, error = (float(part) for part in re.findall(r'[\d.]+', text))
    assert (near, far, error) == pytest.approx((last['near'], last['far'], last['mean_abs']), rel=1e-3)


# of the pixels that are no background: how many, and a sum that tells pictures apart
CLOUD = """new Promise(done => requestAnimationFrame(() => setTimeout(() => {
    const canvas = document.querySelector('canvas');
    const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    let covered = 0, sum = 0;
    pixels.forEach((pixel, at) => {
        if (pixel !== pixels[0]) { covered++; sum = (sum * 31 + pixel + at) >>> 0; } });
    done([covered / pixels.length, sum]); })))"""


def test_the_cloud_turns_by_drag_and_keys_and_goes_back(opened):
    left, top, width, height = box(opened, 'canvas')
    middle = (left + width / 2, top + height / 2)
    start = opened.ask(CLOUD)
    assert start[0] > 0.3
    opened.drag(middle, (middle[0] + 150, middle[1] + 20))
    turned = opened.ask(CLOUD)
    assert turned != start
    opened.key('ArrowLeft')  # the drag gave it the focus
    assert opened.ask(CLOUD) not in (start, turned)
    opened.key('Home')
    assert opened.ask(CLOUD) == start


def test_the_wheel_zooms_a_cloud_that_was_clicked_and_else_scrolls_the_page(opened):
    left, top, width, height = box(opened, 'canvas')
    middle = (left + width / 2, top + height / 2)
    start, scrolled = opened.ask(CLOUD), opened.ask('scrollY')
    opened.mouse('mouseWheel', *middle, deltaX=0, deltaY=-120)
    wait(opened, f'scrollY !== {scrolled}')
    assert opened.ask(CLOUD) == start
    left, top, width, height = box(opened, 'canvas')
    middle = (left + width / 2, top + height / 2)
    opened.drag(middle, middle)
    scrolled = opened.ask('scrollY')
    opened.mouse('mouseWheel', *middle, deltaX=0, deltaY=400)
    wait(opened, f'{CLOUD}.then(found => found[0] < {0.8 * start[0]})')
    assert opened.ask('scrollY') == scrolled


def test_fingers_turn_and_zoom_the_cloud(opened):
    left, top, width, height = box(opened, 'canvas')
    x, y = left + width / 2, top + height / 2
    start = opened.ask(CLOUD)
    opened.touch('touchStart', (x, y))
    for step in range(1, 5):
        opened.touch('touchMove', (x + 30 * step, y))
    opened.touch('touchEnd')
    turned = opened.ask(CLOUD)
    assert turned != start
    opened.touch('touchStart', (x - 150, y), (x + 150, y))
    for step in range(1, 5):
        opened.touch('touchMove', (x - 150 + 30 * step, y), (x + 150 - 30 * step, y))
    opened.touch('touchEnd')
    assert opened.ask(CLOUD)[0] < 0.7 * turned[0]


def test_a_telephone_shows_it_without_scrolling_aside(browser, path, tmp_path, made):
    compare.write_comparison([made, made], ['a', 'b'], tmp_path / 'compare.html')
    browser.resize(390, 844)
    try:
        for page in (path, tmp_path / 'compare.html'):
            browser.open(page)
            assert browser.ask('document.documentElement.scrollWidth') <= 390, page
            assert one(browser, '.plot', 'clientWidth') > 250
            assert max(every(browser, 'tr', 'element.offsetHeight')) < 130
    finally:
        browser.resize(WIDTH, HEIGHT)


def test_plots_follow_the_width_of_the_window(opened):
    before = opened.ask("document.querySelector('.plot').getAttribute('viewBox')")
    opened.resize(800, HEIGHT)
    try:
        wait(opened, f"document.querySelector('.plot').getAttribute('viewBox') !== '{before}'")
    finally:
        opened.resize(WIDTH, HEIGHT)


def test_a_run_with_nothing_but_drops_opens(browser, tmp_path):
    browser.complaints.clear()
    browser.open(report.write_report(made_up_run.unanswered(30), tmp_path))
    assert browser.ask('document.documentElement.dataset.ready') == 'yes' and browser.complaints == []
    assert browser.ask("document.querySelectorAll('.plot').length") == 1


def test_one_frame_is_a_report_too(browser, tmp_path):
    browser.complaints.clear()
    browser.open(report.write_report(made_up_run.run(1, drops=False), tmp_path))
    assert browser.ask('document.documentElement.dataset.ready') == 'yes' and browser.complaints == []
    assert 'NaN' not in ''.join(every(browser, '.plot', 'element.innerHTML'))


def test_a_comparison_draws_every_run_and_marks_what_differs(browser, made, tmp_path):
    other = made_up_run.run(FRAMES - 100, seed=4, better=0.7, slower=8)
    compare.write_comparison([made, other], ['before', 'after'], tmp_path / 'compare.html')
    browser.complaints.clear()
    browser.open(tmp_path / 'compare.html')
    assert browser.ask('document.documentElement.dataset.ready') == 'yes'
    assert browser.ask(f"document.querySelectorAll('{panel('Error')} .line').length") == 2
    assert one(browser, '#plots .legend', 'textContent') == 'beforeafter'
    assert one(browser, 'tr[data-figure=rmse] .better', 'textContent') == '▲ better'
    assert one(browser, 'tr[data-figure=latency_p50] .worse', 'textContent') == '▼ worse'
    browser.ask('plots.toTime(10)')
    figures = [result['series']['figures']['abs_rel'][300] for result in (made, other)]
    shown = [float(part) for part in said(browser, 'Error').split('■')[1:]]
    assert shown == pytest.approx(figures, rel=1e-3)
    browser.ask(f'plots.toTime({(FRAMES - 1) / 30})')  # where the second run has ended
    assert said(browser, 'Error').endswith('■–')
    assert browser.complaints == []
