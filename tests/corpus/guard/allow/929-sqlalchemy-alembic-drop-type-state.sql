-- allow
DROP TYPE state
