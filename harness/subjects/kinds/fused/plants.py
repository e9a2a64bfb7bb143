PLANTS = ()
