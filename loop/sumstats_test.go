package loop

import (
	"reflect"
	"testing"
)

// TestSumStatsHandlesEveryField sets each field of Stats on one loop at a time. The figure must be
// in the result of SumStats.
func TestSumStatsHandlesEveryField(t *testing.T) {
	for i := range reflect.TypeFor[Stats]().NumField() {
		var loops [3]Stats
		field := reflect.TypeFor[Stats]().Field(i)
		for n := range loops {
			set := reflect.ValueOf(&loops[n]).Elem().Field(i)
			switch value := set.Addr().Interface().(type) {
			case *int:
				*value = n + 1
			case *uint64:
				*value = uint64(n + 1)
			case *bool:
				*value = n == 1
			case *map[string]uint64:
				*value = map[string]uint64{"both": 1, []string{"a", "b", "c"}[n]: 1}
			case *Histogram:
				value.add(histogramMin)
			default:
				t.Fatalf("the test cannot set %s", field.Name)
			}
		}
		sum := SumStats(loops[:])
		switch value := reflect.ValueOf(&sum).Elem().Field(i).Addr().Interface().(type) {
		case *int:
			wantSumOrMax(t, field.Name, uint64(*value))
		case *uint64:
			wantSumOrMax(t, field.Name, *value)
		case *bool:
			if !*value {
				t.Errorf("%s is false, although it is true on one loop", field.Name)
			}
		case *map[string]uint64:
			if want := (map[string]uint64{"both": 3, "a": 1, "b": 1, "c": 1}); !reflect.DeepEqual(*value, want) {
				t.Errorf("%s is %v, want %v", field.Name, *value, want)
			}
		case *Histogram:
			if value.Counts[0] != 3 || value.Sum != 3*histogramMin {
				t.Errorf("%s is %+v", field.Name, *value)
			}
		}
	}
}

// ofTheDaemon are the figures that are the same on all loops, except that some loops may be behind.
var ofTheDaemon = map[string]bool{"Published": true, "Newest": true, "Kept": true, "KeptBytes": true, "Reports": true}

// wantSumOrMax checks a figure that is 1, 2 and 3 on three loops.
func wantSumOrMax(t *testing.T, name string, got uint64) {
	t.Helper()
	want := uint64(1 + 2 + 3)
	if ofTheDaemon[name] {
		want = 3
	}
	if got != want {
		t.Errorf("%s is %d, want %d", name, got, want)
	}
}
