package tidy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the text of every Markdown file, by its path relative to this folder.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".md") {
			return nil
		}
		text, err := os.ReadFile(name)
		all[name] = string(text)
		return err
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("found only %d documents, %v: this test looks in the wrong place", len(all), err)
	}
	return all
}

// TestLinksAreValid verifies that the files and headings in the relative links of documents exist.
func TestLinksAreValid(t *testing.T) {
	found := 0
	for name, text := range documents(t) {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(link[1], "://") || strings.HasPrefix(link[1], "mailto:") {
				continue
			}
			found++
			if wrong := follow(name, link[1]); wrong != "" {
				t.Errorf("%s: %s: %s", name, link[1], wrong)
			}
		}
	}
	if found < 100 {
		t.Errorf("found only %d links: this test looks in the wrong place", found)
	}
}

// TestDocsREADMEListsEachPage verifies that docs/README.md links to every page in docs/.
func TestDocsREADMEListsEachPage(t *testing.T) {
	all := rooted(t, "docs/README.md")
	pages, err := filepath.Glob("../../docs/*.*")
	if err != nil || len(pages) < 20 {
		t.Fatalf("found only %q, %v: this test looks in the wrong place", pages, err)
	}
	for _, page := range pages {
		name := filepath.Base(page)
		isPage := filepath.Ext(name) == ".md" || filepath.Ext(name) == ".txt"
		if isPage && name != "README.md" && !strings.Contains(all, "("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

// follow returns the problem of a link of a document, or "".
func follow(document, link string) (wrong string) {
	file, heading, _ := strings.Cut(link, "#")
	target := document
	if file != "" {
		target = filepath.Join(filepath.Dir(document), file)
	}
	if _, err := os.Stat(target); err != nil {
		return err.Error()
	}
	if heading == "" {
		return ""
	}
	text, err := os.ReadFile(target)
	if err != nil {
		return err.Error()
	}
	if !slices.Contains(headings(string(text)), heading) {
		return "the heading does not exist"
	}
	return ""
}

// headings returns the anchors of the headings of a Markdown document. They are in lower case, with
// hyphens for spaces, and contain only letters, digits, underscores and hyphens.
func headings(text string) (all []string) {
	for _, line := range regexp.MustCompile(`(?m)^#+ +(.+)$`).FindAllStringSubmatch(text, -1) {
		name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(line[1])), " ", "-")
		all = append(all, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(name, ""))
	}
	return all
}
