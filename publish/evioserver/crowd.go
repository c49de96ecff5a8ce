package evioserver

// deafLines is how many publishers that do not read have a line in the log each
// second; the rest are counted.
const deafLines = 10

// A crowd is what the log has yet to be told of publishers that come faster than
// lines should. Server.mu guards it.
type crowd struct {
	turnedAway int // since the log was told
	deaf       int // closed since then, as they did not read
}

// mayTellOfDeaf tells whether one more publisher that does not read may have a line.
func (s *Server) mayTellOfDeaf() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf++
	s.crowd.deaf++
	return s.crowd.deaf <= deafLines
}

// tellOfCrowd is called once a second, and when evio has ended.
func (s *Server) tellOfCrowd() {
	s.mu.Lock()
	told := s.crowd
	s.crowd = crowd{}
	s.mu.Unlock()
	if told.turnedAway > 0 {
		s.opts.Logger.Warn("publishers were turned away: too many are connected", "publishers", told.turnedAway, "max", s.opts.PublishersMax)
	}
	if more := told.deaf - deafLines; more > 0 {
		s.opts.Logger.Warn("more publishers do not read their replies: closed", "publishers", more)
	}
}
