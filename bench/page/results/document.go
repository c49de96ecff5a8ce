package results

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Read joins all JSON files of dir, in the order in which they were begun. They must be of one
// machine, and a server that is in the same scenario of two of them must have one version: numbers
// of different things have no common median. The same holds for what was asked.
func Read(dir string) (*Set, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no *.json in it; go run -C bench . writes one with --json FILE", dir)
	}
	var docs []Document
	for _, path := range paths {
		doc, err := readDocument(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		docs = append(docs, doc)
	}
	slices.SortStableFunc(docs, func(a, b Document) int { return cmp.Or(a.began().Compare(b.began()), cmp.Compare(a.Name, b.Name)) })
	s := &Set{versions: map[[2]string]string{}}
	for _, doc := range docs {
		if err := s.join(doc); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, doc.Name), err)
		}
	}
	s.complete()
	return s, nil
}

func readDocument(path string) (doc Document, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return doc, err
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return doc, fmt.Errorf("not a file of bench: %w", err)
	}
	if len(doc.Runs) == 0 {
		return doc, fmt.Errorf("not a file of bench: no runs in it")
	}
	doc.Name = filepath.Base(path)
	for i, r := range doc.Runs {
		if r.Scenario == "" || r.Server == "" {
			return doc, fmt.Errorf("run %d of %d names no scenario or no server", i+1, len(doc.Runs))
		}
		if len(r.Values) == 0 && r.Failed == "" {
			doc.Runs[i].Failed = "no reason given"
		}
	}
	return doc, nil
}

// join adds what one file says. What two files say of a scenario is taken from the first, but for
// how it was played, and for cases that only the second has.
func (s *Set) join(doc Document) error {
	if len(s.Files) > 0 {
		a, b := s.Files[0].Machine, doc.Machine
		if a.Kernel != b.Kernel || a.CPU != b.CPU || a.CPUs != b.CPUs {
			return fmt.Errorf("another machine than in %s: %d x %s, kernel %s; that was %d x %s, kernel %s. Give each its directory",
				s.Files[0].Name, b.CPUs, b.CPU, b.Kernel, a.CPUs, a.CPU, a.Kernel)
		}
	}
	for _, server := range doc.Servers {
		s.addServer(server)
	}
	for _, scenario := range doc.Scenarios {
		known := s.addScenario(scenario)
		if doc.played(scenario.Name) {
			scenario.Play.File = doc.Name
			if err := known.alike(scenario.Play); err != nil {
				return err
			}
			known.Plays = append(known.Plays, scenario.Play)
		}
		for _, c := range scenario.Cases {
			known.addCase(c)
		}
	}
	for _, r := range doc.Runs {
		r.file = len(s.Files)
		s.addServer(Server{Name: r.Server})
		s.addScenario(Scenario{Name: r.Scenario}).addCase(Case{Name: r.Case})
		if err := s.oneVersion(r, doc); err != nil {
			return err
		}
		s.runs = append(s.runs, r)
	}
	s.Files = append(s.Files, doc.File)
	return nil
}

func (d Document) played(scenario string) bool {
	return slices.ContainsFunc(d.Runs, func(r Run) bool { return r.Scenario == scenario })
}

// alike refuses another number of subscribers, or another size of data, than in the files before.
func (c *Scenario) alike(p Play) error {
	for _, before := range c.Plays {
		if before.Subscribers != p.Subscribers || before.PayloadBytes != p.PayloadBytes {
			return fmt.Errorf("%s with --subscribers %d --payload %d, and in %s with %d and %d. Give each its directory",
				c.Name, p.Subscribers, p.PayloadBytes, before.File, before.Subscribers, before.PayloadBytes)
		}
	}
	return nil
}

// oneVersion refuses runs of one scenario on two versions of a server.
func (s *Set) oneVersion(r Run, doc Document) error {
	i := slices.IndexFunc(doc.Servers, func(server Server) bool { return server.Name == r.Server })
	if i < 0 || doc.Servers[i].Version == "" {
		return nil
	}
	key, version := [2]string{r.Scenario, r.Server}, doc.Servers[i].Version
	if before, ok := s.versions[key]; ok && before != version {
		return fmt.Errorf("%s of %s is version %s, and %s in a file before. Give each its directory", r.Scenario, r.Server, version, before)
	}
	s.versions[key] = version
	return nil
}

func (s *Set) addServer(server Server) {
	i := slices.IndexFunc(s.Servers, func(known Server) bool { return known.Name == server.Name })
	if i < 0 {
		s.Servers = append(s.Servers, server)
		return
	}
	known := &s.Servers[i]
	known.Version = also(known.Version, server.Version)
	known.Notes = also(known.Notes, server.Notes)
}

// also says both, if they differ.
func also(known, another string) string {
	const between = "; also "
	switch {
	case known == "":
		return another
	case another == "" || slices.Contains(strings.Split(known, between), another):
		return known
	}
	return known + between + another
}

func (s *Set) addScenario(scenario Scenario) *Scenario {
	i := slices.IndexFunc(s.Scenarios, func(known Scenario) bool { return known.Name == scenario.Name })
	if i < 0 {
		scenario.Cases = nil // each is added, once
		s.Scenarios = append(s.Scenarios, scenario)
		i = len(s.Scenarios) - 1
	}
	return &s.Scenarios[i]
}

func (c *Scenario) addCase(added Case) {
	if !slices.ContainsFunc(c.Cases, func(known Case) bool { return known.Name == added.Name }) {
		c.Cases = append(c.Cases, added)
	}
}
