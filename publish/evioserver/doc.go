// Package evioserver serves publishers in a separate event loop, with evio. It is the only package
// that imports evio. It does not know the line protocol: it feeds the received bytes to a
// publish.Session and sends the replies that the session returns.
//
// Use it on machines with spare cores: parsing and checking move out of the loop that serves the
// subscribers, and the messages reach that loop through the Sink. A server with several loops needs
// it. A Sink that blocks delays all publishers, and only them: this is the back-pressure. A Sink
// that answers later (publish.Settler) also blocks them, once for each read.
//
// The one invariant: replies are sent only by returning them from Data. evio sends them completely
// before it reads that connection again. So a publisher that never reads its replies blocks only
// itself.
package evioserver
