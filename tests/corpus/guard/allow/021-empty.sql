-- allow

