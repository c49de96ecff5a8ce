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

// TestZeroOptions: nothing but an address must be said, and not even that.
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
		t.Errorf("%q, %v", got[:n], err)
	}
	res.Body.Close() // so that the drain has nobody to wait for
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestDefaultsAreFilled: no figure stays zero but those for which that is the default.
func TestDefaultsAreFilled(t *testing.T) {
	filled := Options{}.withDefaults()
	if !slices.Equal(filled.Listen, []string{":8001"}) || filled.GapEvent != "gap" || filled.Logger == nil {
		t.Errorf("%+v", filled)
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

// TestDefaultsAreTold, of each field, and each of our constants for one field only.
func TestDefaultsAreTold(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "options.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{} // a default → the field that it is told of
	options := file.Scope.Lookup("Options").Decl.(*ast.TypeSpec).Type.(*ast.StructType)
	comment := ""
	for _, field := range options.Fields.List {
		if field.Doc != nil { // without one it shares that of the field above
			comment = strings.Join(strings.Fields(field.Doc.Text()), " ")
			for _, name := range regexp.MustCompile(`\bDefault[A-Z]\w+`).FindAllString(comment, -1) {
				if told[name] != "" {
					t.Errorf("%s is told of %s and of %s", name, told[name], field.Names[0])
				}
				told[name] = field.Names[0].Name
			}
		}
		if !strings.Contains(comment, "Default: ") && !strings.Contains(comment, " Nil: ") {
			t.Errorf("what is the default of %s?", field.Names[0])
		}
	}
	for name, object := range file.Scope.Objects {
		if object.Kind == ast.Con && strings.HasPrefix(name, "Default") && told[name] == "" {
			t.Errorf("%s is told of no field", name)
		}
	}
}

// TestBadAddresses: New names the address that it cannot read.
func TestBadAddresses(t *testing.T) {
	for want, opts := range map[string]Options{
		`ssed: Listen: listen address "8001": expected host:port`: {Listen: []string{":0", "8001"}},
		`ssed: Publish: "127.0.0.1:8002" is not a URL`:            {Publish: []string{"tcp://:0", "127.0.0.1:8002"}},
		`ssed: Publish: bad URL "udp://:8002": the scheme must`:   {Publish: []string{"udp://:8002"}},
	} {
		if _, err := New(opts); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
