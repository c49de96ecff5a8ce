// Package evioserver listens for publishers on an event loop of its own, on evio.
// It is the only importer of evio. It knows nothing of the line protocol: bytes
// go into a publish.Session and replies come out.
//
// It is for machines with cores to spare: parsing and checking leave the loop
// that serves the subscribers, and messages reach it through the Sink. A Sink that
// blocks holds up all publishers and nobody else: that is the back-pressure. So does
// one that answers later (publish.Settler), once for each read.
//
// The one invariant: a connection is answered only by what Data returns. evio
// then sends all of it before it reads that connection again, so a publisher who
// never reads its replies stops itself and nobody else.
package evioserver
