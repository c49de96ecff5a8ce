package nsindex

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestNewSet checks valid and invalid sets, their members and keys.
func TestNewSet(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []string
		want []string // nil means refused
	}{
		{"one", []string{"/pets"}, []string{"/pets"}},
		{"sorted", []string{"/time", "/pets"}, []string{"/pets", "/time"}},
		{"twice the same", []string{"/pets", "/pets/"}, []string{"/pets"}},
		{"a child of another member is omitted", []string{"/pets/dogs", "/pets"}, []string{"/pets"}},
		{"a grandchild, too", []string{"/a/b/c", "/a"}, []string{"/a"}},
		{"with a neighbor that sorts between", []string{"/a", "/a-b", "/a/b"}, []string{"/a", "/a-b"}},
		{"the root includes all others", []string{"/pets", "/", "/time"}, []string{"/"}},
		{"a common beginning is no parent", []string{"/pets", "/petsmart"}, []string{"/pets", "/petsmart"}},
		{"none", nil, nil},
		{"one of them bad", []string{"/pets", "time"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := NewSet(tt.in...)
			if (err == nil) != (tt.want != nil) || !slices.Equal(set.Members(), tt.want) {
				t.Errorf("NewSet(%q) = %q, %v; want %q", tt.in, set.Members(), err, tt.want)
			}
			if err == nil && set.Key() != strings.Join(tt.want, " ") {
				t.Errorf("the set's key is %q", set.Key())
			}
		})
	}
	many := make([]string, SetMax+1)
	for i := range many {
		many[i] = fmt.Sprint("/", i)
	}
	if _, err := NewSet(many...); err == nil {
		t.Errorf("a set of %d namespaces was accepted", len(many))
	}
	if _, err := NewSet(many[1:]...); err != nil {
		t.Errorf("a set of %d namespaces was refused: %v", SetMax, err)
	}
}

// TestIndexAgainstModel attaches and detaches random sets, and compares the matches of a message
// with a model that checks every set.
func TestIndexAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 2))
		var x Index[int]
		model := map[string]int{} // from a key to its value
		sets := map[string]Set{}
		for step := range 400 {
			set, err := NewSet(randomNamespaces(random)...)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := model[set.Key()]; ok {
				x.Detach(set)
				delete(model, set.Key())
				delete(sets, set.Key())
			} else {
				x.Attach(set, step)
				model[set.Key()], sets[set.Key()] = step, set
			}
			if found, ok := x.Find(set); ok != (sets[set.Key()].key != "") || ok && found != model[set.Key()] {
				t.Fatalf("Find(%q) = %d, %t; want the attached value", set.Key(), found, ok)
			}
			ns := randomNamespace(random)
			got := x.AppendMatches(nil, []byte(ns))
			var want []int
			for key, s := range sets {
				if slices.ContainsFunc(s.Members(), func(m string) bool { return covers(m, ns) }) {
					want = append(want, model[key])
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %q matches %v, want %v", seed, ns, got, want)
			}
			if x.Len() != len(model) {
				t.Fatalf("the index holds %d sets, the model %d", x.Len(), len(model))
			}
		}
		for _, s := range sets {
			x.Detach(s)
		}
		if len(x.at) != 0 || len(x.sets) != 0 {
			t.Fatalf("an empty index holds %d namespaces", len(x.at))
		}
	}
}

// covers reports whether a member matches a namespace, by whole segments.
func covers(member, ns string) bool {
	return member == "/" || ns == member || strings.HasPrefix(ns, member+"/")
}

func randomNamespaces(random *rand.Rand) (all []string) {
	for range 1 + random.IntN(4) {
		all = append(all, randomNamespace(random))
	}
	return all
}

// randomNamespace builds a namespace from a few segments, so that namespaces often match. One
// segment is a prefix of another.
func randomNamespace(random *rand.Rand) string {
	names := []string{"a", "ab", "a-b", "b"}
	var ns strings.Builder
	for range random.IntN(4) {
		ns.WriteString("/" + names[random.IntN(len(names))])
	}
	if ns.Len() == 0 {
		return "/"
	}
	return ns.String()
}

// TestMisusePanics verifies that Attach and Detach panic if they are used in the wrong order.
func TestMisusePanics(t *testing.T) {
	set, _ := NewSet("/a")
	for name, misuse := range map[string]func(x *Index[int]){
		"attached twice":   func(x *Index[int]) { x.Attach(set, 1); x.Attach(set, 2) },
		"detached unknown": func(x *Index[int]) { x.Detach(set) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the call did not panic")
				}
			}()
			misuse(&Index[int]{})
		})
	}
}

// TestLookupDoesNotAllocate verifies that matching a message does not allocate.
func TestLookupDoesNotAllocate(t *testing.T) {
	var x Index[int]
	set, _ := NewSet("/details", "/raw")
	x.Attach(set, 1)
	dst := make([]int, 0, 8)
	ns := []byte("/details/1F602")
	if n := testing.AllocsPerRun(100, func() { dst = x.AppendMatches(dst[:0], ns) }); n != 0 || len(dst) != 1 {
		t.Errorf("%v allocations for each message, which matches %v", n, dst)
	}
}

// BenchmarkMatches looks up the sets that match a message, in indexes of different sizes in which
// one set matches.
func BenchmarkMatches(b *testing.B) {
	for _, sets := range []int{1, 1000, 100_000} {
		for _, depth := range []int{2, 8} {
			b.Run(fmt.Sprintf("sets=%d/depth=%d", sets, depth), func(b *testing.B) {
				var x Index[int]
				for i := range sets {
					set, _ := NewSet(fmt.Sprint("/details/", i))
					x.Attach(set, i)
				}
				ns := []byte("/details/0" + strings.Repeat("/below", depth-2))
				dst := make([]int, 0, 8)
				b.ReportAllocs()
				for b.Loop() {
					dst = x.AppendMatches(dst[:0], ns)
				}
				if len(dst) != 1 {
					b.Fatalf("the message matches %v", dst)
				}
			})
		}
	}
}

// BenchmarkAttach measures one Attach and one Detach.
func BenchmarkAttach(b *testing.B) {
	for _, members := range []int{1, SetMax} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			var all []string
			for i := range members {
				all = append(all, fmt.Sprint("/details/", i))
			}
			var x Index[int]
			b.ReportAllocs()
			for b.Loop() {
				set, err := NewSet(all...)
				if err != nil {
					b.Fatal(err)
				}
				x.Attach(set, 1)
				x.Detach(set)
			}
		})
	}
}
