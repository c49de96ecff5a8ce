// Petstore publishes new cats and dogs, each kind on its own namespace below /pets, and shows its
// status at /admin/. It is a port of an example of mroth/sseserver.
//
// Its messages are plain text. JSON works in the same way: json.Marshal encodes the data, and
// JSON.parse decodes it in the page.
package main

import (
	"context"
	"log"
	"math/rand/v2"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
)

var (
	dogBreeds = []string{"Corgi", "Terrier", "Dachshund"}
	catBreeds = []string{"Persian", "Maine Coon", "LOLcat"}
)

// address is where the program listens. A test sets it with the linker.
var address = ":8222"

// newPet returns a random pet.
func newPet() ssed.Message {
	if rand.N(2) == 0 {
		return ssed.Message{Namespace: "/pets/cats", Event: "new-cat", Data: []byte(catBreeds[rand.N(len(catBreeds))])}
	}
	return ssed.Message{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte(dogBreeds[rand.N(len(dogBreeds))])}
}

func main() {
	var pages *admin.Server
	status := admin.Options{Node: "petstore"}
	s, err := ssed.New(ssed.Options{
		Listen:   []string{address},
		Handover: &ssed.Handover{Paths: status.Paths(), ConnsMax: admin.ConnsMax, Take: func(c *ssed.HandedConn) { pages.Take(c) }},
	})
	if err != nil {
		log.Fatal(err)
	}
	status.Daemon, status.Tokens = s, s.Tokens
	pages = admin.New(status)

	go func() {
		for {
			if err := s.Publish(context.Background(), newPet()); err != nil {
				log.Fatal(err)
			}
			time.Sleep(time.Second + rand.N(4*time.Second))
		}
	}()
	log.Fatal(s.Serve())
}
