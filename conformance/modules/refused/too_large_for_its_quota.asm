.exact
.name "large"
.memory 1000
.state 1008
