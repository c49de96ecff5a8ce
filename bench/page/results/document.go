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

// Read joins all JSON files of dir, ordered by their start. All files must be from one machine. A
// server that occurs in the same scenario in two files must have the same version in both, because
// numbers of different versions have no common median. The same holds for the number of subscribers
// and the size of the data.
func Read(dir string) (*Set, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no *.json files; write one with: go run -C bench . SCENARIO --json FILE", dir)
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
		return doc, fmt.Errorf("not a file of bench: no runs")
	}
	doc.Name = filepath.Base(path)
	for i, r := range doc.Runs {
		if r.Scenario == "" || r.Server == "" {
			return doc, fmt.Errorf("run %d of %d: missing scenario or server", i+1, len(doc.Runs))
		}
		if len(r.Values) == 0 && r.Failed == "" {
			doc.Runs[i].Failed = "no reason given"
		}
	}
	return doc, nil
}

// join adds the content of one file. For a scenario in two files, the description comes from the
// first file. The options and additional cases of the second file are added.
func (s *Set) join(doc Document) error {
	if len(s.Files) > 0 {
		a, b := s.Files[0].Machine, doc.Machine
		if a.Kernel != b.Kernel || a.CPU != b.CPU || a.CPUs != b.CPUs {
			return fmt.Errorf("machine differs from %s: %d x %s, kernel %s, expected %d x %s, kernel %s; use one directory per machine",
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

// alike returns an error if the number of subscribers or the size of the data differs from earlier
// files.
func (c *Scenario) alike(p Play) error {
	for _, before := range c.Plays {
		if before.Subscribers != p.Subscribers || before.PayloadBytes != p.PayloadBytes {
			return fmt.Errorf("%s: --subscribers %d --payload %d, but %d and %d in %s; use one directory for each",
				c.Name, p.Subscribers, p.PayloadBytes, before.Subscribers, before.PayloadBytes, before.File)
		}
	}
	return nil
}

// oneVersion returns an error if a scenario has runs on two versions of a server.
func (s *Set) oneVersion(r Run, doc Document) error {
	i := slices.IndexFunc(doc.Servers, func(server Server) bool { return server.Name == r.Server })
	if i < 0 || doc.Servers[i].Version == "" {
		return nil
	}
	key, version := [2]string{r.Scenario, r.Server}, doc.Servers[i].Version
	if before, ok := s.versions[key]; ok && before != version {
		return fmt.Errorf("%s: %s has version %s, but version %s in an earlier file; use one directory for each", r.Scenario, r.Server, version, before)
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

// also joins two texts, if they differ.
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
		scenario.Cases = nil // the caller adds each case once
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
