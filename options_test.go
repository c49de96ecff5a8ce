package ssed

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/sse"
)

// TestZeroOptions verifies that a server needs no option except an address, which has a default,
// too. The test sets it only to get a free port.
func TestZeroOptions(t *testing.T) {
	s, err := New(Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	<-s.Ready()
	ask, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.ListenAddrs()[0].String()+"/subscribe/time", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(ctx, sse.Message{Namespace: "/time", Data: []byte("noon")}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("data:noon\n\n"))
	if n, err := res.Body.Read(got); err != nil || string(got[:n]) != "data:noon\n\n" {
		t.Errorf("read %q, %v; want one event", got[:n], err)
	}
	res.Body.Close() // so that Shutdown does not have to drain
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestDefaultsAreFilled verifies that every number has a default other than zero, except the fields
// for which zero is the default.
func TestDefaultsAreFilled(t *testing.T) {
	filled := Options{}.withDefaults()
	if !slices.Equal(filled.Listen, []string{":8001"}) || filled.GapEvent != "gap" || filled.Logger == nil {
		t.Errorf("wrong defaults: %+v", filled)
	}
	means := map[string]string{
		"PublishersMax":      "there is no address for publishers",
		"ConnsPerAddressMax": "any number",
		"Slow":               "SlowDisconnect",
	}
	fields := reflect.ValueOf(filled)
	for i := range fields.NumField() {
		name, value := fields.Type().Field(i).Name, fields.Field(i)
		if kind := value.Kind(); kind != reflect.Int && kind != reflect.Int64 && kind != reflect.Uint8 {
			continue
		}
		if value.IsZero() != (means[name] != "") {
			t.Errorf("%s is %v by default", name, value)
		}
	}
}

// TestDefaultsAreDocumented checks that the comment of each field gives its default, and that
// each Default constant appears in the comment of exactly one field.
func TestDefaultsAreDocumented(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "options.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{} // from the name of a default to the field whose comment contains it
	options := file.Scope.Lookup("Options").Decl.(*ast.TypeSpec).Type.(*ast.StructType)
	comment := ""
	for _, field := range options.Fields.List {
		if field.Doc != nil { // without a comment of its own it shares the comment above
			comment = strings.Join(strings.Fields(field.Doc.Text()), " ")
			for _, name := range regexp.MustCompile(`\bDefault[A-Z]\w+`).FindAllString(comment, -1) {
				if told[name] != "" {
					t.Errorf("%s is in the comments of %s and of %s", name, told[name], field.Names[0])
				}
				told[name] = field.Names[0].Name
			}
		}
		if !strings.Contains(comment, "Default: ") && !strings.Contains(comment, " Nil: ") {
			t.Errorf("the comment of %s does not give its default", field.Names[0])
		}
	}
	for name, object := range file.Scope.Objects {
		if object.Kind == ast.Con && strings.HasPrefix(name, "Default") && told[name] == "" {
			t.Errorf("%s is in no field's comment", name)
		}
	}
}

// TestBadAddresses verifies that the error of New contains the invalid address.
func TestBadAddresses(t *testing.T) {
	for want, opts := range map[string]Options{
		`ssed: Listen: invalid address "8001": expected host:port`:           {Listen: []string{":0", "8001"}},
		`ssed: Publish: invalid URL "127.0.0.1:8002": expected`:              {Publish: []string{"tcp://:0", "127.0.0.1:8002"}},
		`ssed: Publish: invalid URL "udp://:8002": expected tcp://host:port`: {Publish: []string{"udp://:8002"}},
	} {
		if _, err := New(opts); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
