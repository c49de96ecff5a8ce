package admin

import (
	"slices"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestPhone verifies that the page fits a screen that is 360 pixels wide.
func TestPhone(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	subscribe(t, d, "/a-namespace-with-a-rather-long-name/and-another-one-below-it", "an-agent-with-a-name-that-is-longer-than-the-screen-is-wide")
	p := openPage(t, d.Subscribe[0])
	p.size(t, 360, 740)
	p.waitRows(t, 1)
	p.wait(t, "a narrow page", `document.documentElement.scrollWidth === 360`)
	for _, selector := range []string{"#rows button", "#publish button", "#listen-start"} {
		p.wait(t, selector+" within the screen", `(() => {
			const box = document.querySelector(`+quote(selector)+`).getBoundingClientRect();
			return box.left >= 0 && box.right <= 360;
		})()`)
	}
}

// TestLayout verifies that the figures fill whole rows at every width, and that a phone shows no
// empty table of connections.
func TestLayout(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	p := openPage(t, testtool.Start(t).Subscribe[0])
	figures := eval[int](t, p, `document.querySelector("#figures").children.length`)
	for _, width := range []int{360, 390, 700, 1024, 1280, 1366, 1440, 1920} {
		p.size(t, width, 900)
		columns := eval[int](t, p, `getComputedStyle(document.querySelector("#figures")).gridTemplateColumns.split(" ").length`)
		if figures%columns != 0 {
			t.Errorf("at %d pixels, %d figures are in %d columns", width, figures, columns)
		}
	}
	p.size(t, 390, 844)
	if height := eval[int](t, p, `document.querySelector("#connections").offsetHeight`); height > 200 {
		t.Errorf("without connections, their table is %d pixels high", height)
	}
}

// TestPercent verifies that all numbers on the scale of the CPU have the same format.
func TestPercent(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	p := openPage(t, testtool.Start(t).Subscribe[0])
	got := eval[string](t, p, `import("/admin/format.js").then(({ percent }) => [0, 0.25, 5, 9.96, 12.4, 100].map(percent).join(", "))`)
	if want := "0 %, 0.3 %, 5 %, 10 %, 12 %, 100 %"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestPreferences verifies that the page and its charts follow prefers-color-scheme, and that
// nothing is animated with prefers-reduced-motion.
func TestPreferences(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	p := openPage(t, testtool.Start(t).Subscribe[0])
	const background = "getComputedStyle(document.body).backgroundColor"
	const transition = `getComputedStyle(document.querySelector("button")).transitionDuration`
	p.prefer(t, "prefers-color-scheme", "light")
	p.wait(t, "a drawn chart", `import("/admin/charts.js").then(({ charts }) => Boolean(charts[0].plot))`)
	light, stroke := eval[string](t, p, background), eval[string](t, p, chartStroke)
	p.prefer(t, "prefers-color-scheme", "dark")
	p.wait(t, "a dark page", background+" !== "+quote(light))
	p.wait(t, "a dark chart", chartStroke+".then(stroke => stroke !== "+quote(stroke)+")")
	if moves := eval[string](t, p, transition); moves == "0s" {
		t.Error("nothing is animated by default: this test looks in the wrong place")
	}
	p.prefer(t, "prefers-reduced-motion", "reduce")
	p.wait(t, "a quiet page", transition+` === "0s"`)
}

const chartStroke = `import("/admin/charts.js").then(({ charts }) => charts[0].plot.series[1].stroke())`

// TestKeyboard verifies that Tab reaches every control, and that the focus is always visible.
func TestKeyboard(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	subscribe(t, d, "/pets", "corgi")
	p := openPage(t, d.Subscribe[0])
	p.waitRows(t, 1)
	var reached []string
	for range 40 {
		p.press(t, "Tab")
		at := eval[struct{ Name, Outline string }](t, p, `(() => {
			const element = document.activeElement;
			return {
				name: element.id || element.name || element.dataset.key || element.textContent.trim(),
				outline: getComputedStyle(element).outlineStyle,
			};
		})()`)
		reached = append(reached, at.Name)
		if at.Outline == "none" {
			t.Errorf("the focus on %q cannot be seen", at.Name)
		}
		if at.Name == "heard" {
			break
		}
	}
	for _, want := range []string{"Skip to the connections", "/", "filter", "slowest", "disconnect", "namespace", "event", "data", "Publish", "listen-start", "listen-clear", "heard"} {
		if !slices.Contains(reached, want) {
			t.Errorf("Tab does not reach %q; it reaches %q", want, reached)
		}
	}
}

// TestElementsHaveAccessibleNames verifies that fields, buttons, tables and charts have a name in
// the browser's accessibility tree.
func TestElementsHaveAccessibleNames(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	subscribe(t, d, "/pets", "corgi")
	p := openPage(t, d.Subscribe[0])
	p.waitRows(t, 1)
	var tree struct {
		Nodes []struct {
			Role, Name struct{ Value string }
			Ignored    bool
		}
	}
	p.Do(t, "Accessibility.getFullAXTree", nil, &tree)
	named := []string{"button", "textbox", "searchbox", "checkbox", "table", "tree", "treeitem", "image", "log", "link"}
	seen := map[string]bool{}
	for _, node := range tree.Nodes {
		seen[node.Role.Value] = true
		if !node.Ignored && slices.Contains(named, node.Role.Value) && node.Name.Value == "" {
			t.Errorf("there is a %s without a name", node.Role.Value)
		}
	}
	for _, role := range named {
		if !seen[role] {
			t.Errorf("there is no %s: this test looks in the wrong place", role)
		}
	}
}
